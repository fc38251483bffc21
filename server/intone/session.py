"""intone in your own process: no server, no event loop, the same results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from intone import plugins
from intone.core.answers import Answers
from intone.core.card import endpointer_for
from intone.core.front_end import FrontEnd
from intone.core.interims import interim_card
from intone.core.recogniser import Recogniser, UtteranceRecogniser, checked_finish, checked_step
from intone.core.resample import format_problem
from intone.errors import RecogniserFailed, UnsupportedAudio
from intone.models import Model, ModelStore
from intone.settings import EndpointerSettings, SessionSettings
from intone.types import (
    AudioFormat,
    DiscardReason,
    Event,
    FloatArray,
    Hop,
    Scores,
    SpeechBlock,
    SpeechDiscarded,
    SpeechEnded,
    SpeechStarted,
    encoding_problem,
)


class Session:
    """One stream of one or two speakers' audio.

        session = Session()
        for event in session.feed(pcm_bytes):
            print(event)

    Args:
        audio: how the bytes are written; 16 kHz mono s16le unless told.
        model: name of a model that comes with intone, a loaded :class:`Model`, or a
            recogniser to share between sessions of one thread or many.
        interim_ms: audio between interims; 0 sends none.
        endpointer: how utterances are cut.

    Raises:
        UnknownModel, ModelError: the model is not there or cannot be served.
        SettingsError: ``interim_ms`` or the voice detector's name makes no sense.
        UnsupportedAudio: no encoding of :class:`Encoding`, not 1 or 2 channels, or a rate
            that is not between 8 and 192 kHz.
    """

    def __init__(
        self,
        audio: AudioFormat | None = None,
        *,
        model: str | Model | Recogniser = "gru",
        interim_ms: int = 500,
        endpointer: EndpointerSettings | None = None,
    ) -> None:
        audio = _checked(audio or AudioFormat())
        interim_ms = SessionSettings(interim_ms=interim_ms).interim_ms
        self._recogniser = _recogniser(model, has_interims=interim_ms > 0)
        card = self._recogniser.card
        endpointer = endpointer_for(card, endpointer or EndpointerSettings())
        make_detector = plugins.load(plugins.VOICE_DETECTORS, endpointer.vad)
        self._front_end = FrontEnd(audio, endpointer, make_detector, card.shape)
        self._answers = Answers(card, interim_ms, interim_card(self._recogniser))
        self._states: dict[int, FloatArray] = {}
        self._untold: list[Event] = []
        self._is_finished = False

    def feed(self, data: bytes) -> list[Event]:
        """Take any number of bytes; return the events they caused, in order.

        Raises :class:`TypeError` for an array, whose samples are not told to be of the session's
        format, :class:`ValueError` after :meth:`finish`, and :class:`RecogniserFailed`, from what
        the model raised, once all of ``data`` is taken: the utterance it failed on is discarded
        as ``failed``, the stream goes on, and the next call, :meth:`finish` also where it was the
        one to raise, returns the events of this one first.
        """
        if self._is_finished:
            raise ValueError("this stream was finished; the next one needs a Session of its own")
        if isinstance(data, np.ndarray):
            # Of some lengths it would pass for bytes, and float32 for twice as many s16le samples.
            raise TypeError(f"feed takes bytes, not an array of {data.dtype}: see its tobytes()")
        return self._follow(self._front_end.feed(data))

    def flush(self) -> list[Event]:
        """End the running utterances where the audio fed so far ends; the stream goes on.

        A last piece under 20 ms is heard with what follows. Raises as :meth:`feed`.
        """
        return self._follow(self._front_end.flush())

    def finish(self) -> list[Event]:
        """End the stream; return the last events. Nothing may be fed afterwards.

        Raises :class:`RecogniserFailed` as :meth:`feed`.
        """
        self._is_finished = True
        return self._follow(self._front_end.finish())

    def _follow(self, hops: list[Hop]) -> list[Event]:
        failure: RecogniserFailed | None = None
        for hop in hops:
            try:
                event = self._event(hop)
            except RecogniserFailed as error:
                failure = failure or error
                event = self._give_up(hop)
            if event is not None:
                self._untold.append(event)
        if failure is not None:
            raise failure
        events, self._untold = self._untold, []
        return events

    def _event(self, hop: Hop) -> Event | None:
        if isinstance(hop, SpeechStarted):
            self._states[hop.utterance_id] = np.zeros(self._recogniser.card.state_size, np.float32)
            return self._answers.started(hop)
        if hop.utterance_id not in self._states:
            # Given up, and told to be.
            return None
        if isinstance(hop, SpeechBlock):
            return self._answers.scored(hop, self._step(hop))
        if isinstance(hop, SpeechEnded):
            scores = self._finish(self._states[hop.utterance_id])
            del self._states[hop.utterance_id]
            return self._answers.ended(hop, scores)
        del self._states[hop.utterance_id]
        return self._discarded(hop, hop.reason)

    def _give_up(self, hop: Hop) -> Event:
        """Discard the utterance: a result would be of audio with a gap."""
        assert isinstance(hop, SpeechBlock | SpeechEnded)
        del self._states[hop.utterance_id]
        return self._discarded(hop, DiscardReason.FAILED)

    def _discarded(
        self, hop: SpeechBlock | SpeechEnded | SpeechDiscarded, reason: DiscardReason
    ) -> Event:
        return self._answers.discarded(
            hop.utterance_id, hop.channel, hop.start_sample, hop.end_sample, reason
        )

    def _step(self, block: SpeechBlock) -> Scores | None:
        state = self._states[block.utterance_id]
        with _model_at_work(self._recogniser):
            output = checked_step(self._recogniser, block.window[np.newaxis], [state])
        self._states[block.utterance_id] = output.states[0]
        return output.scores[0]

    def _finish(self, state: FloatArray) -> Scores | None:
        if isinstance(self._recogniser, UtteranceRecogniser):
            with _model_at_work(self._recogniser):
                return checked_finish(self._recogniser, state)
        return None


@contextmanager
def _model_at_work(recogniser: Recogniser) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise RecogniserFailed(f"the model {recogniser.card.name} failed: {error!r}") from error


def _checked(audio: AudioFormat) -> AudioFormat:
    problem = encoding_problem(audio) or format_problem(audio.channels, audio.sample_rate_hz)
    if problem:
        raise UnsupportedAudio(problem)
    return audio


def _recogniser(model: str | Model | Recogniser, *, has_interims: bool) -> Recogniser:
    if isinstance(model, str):
        model = ModelStore.load(names=(model,))[model]
    if not isinstance(model, Model):
        return model
    return (model if has_interims else model.alone()).new_recogniser()
