"""Where events go besides the client; the built-in sink writes them to the log."""

from __future__ import annotations

import logging
from typing import Protocol

from intone.settings import ServerSettings
from intone.types import Event, UtteranceResult

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Seam ``intone.sinks``: hears every utterance event of every session.

    An entry point is a callable ``(settings: ServerSettings) -> Sink``, called once when
    the server starts. A sink that raises is logged; the session goes on.
    """

    def tell(self, session_id: str, event: Event) -> None:
        """Take one event; called on the event loop, in order, so it must not block."""
        ...

    def close(self) -> None:
        """Let go of what the sink holds; the server is stopping."""
        ...


class LogSink:
    """One log line an utterance result, at any ``log_level``: who wants none asks for no sink."""

    def __init__(self) -> None:
        logger.setLevel(logging.INFO)

    def tell(self, session_id: str, event: Event) -> None:
        """See :class:`Sink`."""
        if isinstance(event, UtteranceResult):
            logger.info(
                "session %s utterance %d channel %d %d-%d ms: emotion %s %.2f, gender %s %.2f",
                session_id,
                event.utterance_id,
                event.channel,
                event.start_ms,
                event.end_ms,
                event.emotion.label,
                event.emotion.confidence,
                event.gender.label,
                event.gender.confidence,
                extra={
                    "session_id": session_id,
                    "emotion": event.emotion.label,
                    "gender": event.gender.label,
                },
            )

    def close(self) -> None:
        """See :class:`Sink`."""


def log(settings: ServerSettings) -> Sink:  # noqa: ARG001  (the seam's signature)
    """Entry point ``log`` of ``intone.sinks``."""
    return LogSink()
