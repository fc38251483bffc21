"""A session on an engine, and the synchronous one whose events it must tell."""

from __future__ import annotations

from collections.abc import Callable

from intone import AudioFormat, EndpointerSettings, Session
from intone.core.answers import Answers
from intone.core.front_end import FrontEnd
from intone.core.interims import interim_card
from intone.core.recogniser import Recogniser
from intone.core.vad import webrtc
from intone.engine.engine import Engine
from intone.engine.live import LiveSession
from intone.types import Event


class Told:
    """A live session, and what it told."""

    def __init__(
        self,
        engine: Engine,
        recogniser: Recogniser,
        audio: AudioFormat | None = None,
        endpointer: EndpointerSettings | None = None,
        interims_allowed: Callable[[float], bool] = lambda _: True,
        interim_ms: int = 500,
    ) -> None:
        audio, card = audio or AudioFormat(), recogniser.card
        self.events: list[Event] = []
        self.live = LiveSession(
            audio,
            FrontEnd(audio, endpointer or EndpointerSettings(), webrtc, card.shape),
            engine,
            Answers(card, interim_ms, interim_card(recogniser)),
            emit=lambda event, _: self.events.append(event),
            on_progress=lambda: None,
            interims_allowed=interims_allowed,
        )

    def finish(self, owner) -> list[Event]:
        """End the session; ``owner`` is the one of the engine's tests."""
        self.live.finish()
        owner.run_until(lambda: self.live.is_settled)
        return self.events


def session_events(
    recogniser: Recogniser,
    data: bytes,
    audio: AudioFormat | None = None,
    endpointer: EndpointerSettings | None = None,
) -> list[Event]:
    """What the synchronous session tells of ``data``."""
    session = Session(audio, model=recogniser, endpointer=endpointer)
    return session.feed(data) + session.finish()
