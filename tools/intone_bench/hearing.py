"""What a session was told, measured against when its audio was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import UNSET, structs

from intone.types import DiscardReason, EndReason, to_samples
from intone.web import codec, wire
from intone_bench.lines import Log
from intone_bench.tracks import Track

_LOST = {DiscardReason.OVERLOADED.value, DiscardReason.FAILED.value}
"""Discarded though there was an answer to give; the other reasons are the endpointer's."""

_BY_AUDIO = {EndReason.SILENCE.value, EndReason.MAX_DURATION.value}
"""Ends that audio decides, not a message."""

UtteranceEvent = wire.Started | wire.Interim | wire.Result | wire.Discarded


@dataclass(frozen=True, slots=True)
class Window:
    """The time in which all sessions speak (``time.monotonic``)."""

    start_s: float
    end_s: float

    def __contains__(self, time_s: float) -> bool:
        return self.start_s <= time_s <= self.end_s


@dataclass(slots=True)
class Heard:
    """All sessions together."""

    sessions: int = 0
    utterances: int = 0
    results: int = 0
    interims: int = 0
    discarded: Counter[str] = field(default_factory=Counter)
    """By reason, all of them."""
    errors: Counter[str] = field(default_factory=Counter)
    """By code."""
    faults: Counter[str] = field(default_factory=Counter)
    """What broke the connection or the protocol, or was missing."""
    pushed_back: int = 0
    speech_s: float = 0.0
    """Audio inside utterances, pre-roll and hangover included."""
    audio_s: float = 0.0
    result_s: list[float] = field(default_factory=list)
    """The message that let the endpointer decide was sent -> the result came; in the window."""
    hangover_s: list[float] = field(default_factory=list)
    """The speaker's last sound -> the endpointer's decision, in audio time."""
    total_s: list[float] = field(default_factory=list)
    """Both together: the speaker's last sound -> the result came."""
    server_s: list[float] = field(default_factory=list)
    """The server's own ``latency_ms`` of the same results."""
    interim_s: list[float] = field(default_factory=list)
    """The message that completed the interim's block was sent -> the interim came."""

    @property
    def lost(self) -> int:
        """Utterances discarded for want of time, or because the model failed."""
        return sum(self.discarded[reason] for reason in _LOST)


def hear(
    logs: Sequence[Log], tracks: Sequence[Track], window: Window, reach_samples: int, speed: float
) -> Heard:
    """Read what all sessions were told.

    ``reach_samples`` is how far a block's window reaches beyond the audio an interim speaks of.
    """
    heard = Heard()
    for log in logs:
        heard.sessions += 1
        heard.pushed_back += log.pushed_back
        heard.audio_s += len(log.sent_s) * tracks[log.track].format.message_ms / 1_000
        if log.fault:
            heard.faults[log.fault] += 1
        _Reading(heard, log, tracks[log.track], window, reach_samples, speed).read()
    return heard


def events_of(log: Log) -> list[UtteranceEvent]:
    """Return what the session was told of its utterances, without what the clock had a say in."""
    messages = (codec.decode_server(text.decode()) for _, text in log.texts)
    return [_timeless(message) for message in messages if isinstance(message, UtteranceEvent)]


def _timeless(message: UtteranceEvent) -> UtteranceEvent:
    if isinstance(message, wire.Result):
        return structs.replace(message, latency_ms=UNSET)
    return message


@dataclass(slots=True)
class _Reading:
    heard: Heard
    log: Log
    track: Track
    window: Window
    reach_samples: int
    speed: float
    open_ids: set[int] = field(default_factory=set)
    produced: Counter[str] = field(default_factory=Counter)
    is_closed: bool = False

    def read(self) -> None:
        for came_s, text in self.log.texts:
            message = codec.decode_server(text.decode())
            self._take(came_s, message)
        if self.open_ids:
            self.heard.faults["an utterance has neither result nor discarded"] += len(self.open_ids)
        if not self.is_closed and not self.log.fault:
            self.heard.faults["no session.closed"] += 1

    def _take(self, came_s: float, message: wire.ServerMessage | None) -> None:
        heard = self.heard
        match message:
            case wire.Started():
                heard.utterances += 1
                self.open_ids.add(message.utterance_id)
            case wire.Interim():
                heard.interims += 1
                self.produced["interims"] += 1
                self._interim(came_s, message)
            case wire.Result():
                heard.results += 1
                self._end("utterances", message)
                self._result(came_s, message)
            case wire.Discarded():
                heard.discarded[message.reason] += 1
                self._end("discarded", message)
            case wire.Error():
                heard.errors[message.code] += 1
            case wire.SessionClosed():
                self._closed(message)

    def _end(self, kind: str, message: wire.Result | wire.Discarded) -> None:
        self.heard.speech_s += (message.end_ms - message.start_ms) / 1_000
        self.produced[kind] += 1
        if message.utterance_id not in self.open_ids:
            self.heard.faults["an utterance ended that had not started"] += 1
        self.open_ids.discard(message.utterance_id)

    def _result(self, came_s: float, result: wire.Result) -> None:
        if result.reason not in _BY_AUDIO:
            return
        end = to_samples(result.end_ms)
        sent_s = self._sent_s(end)
        if sent_s not in self.window:
            return
        self.heard.result_s.append(came_s - sent_s)
        if result.latency_ms is not UNSET:
            self.heard.server_s.append(result.latency_ms / 1_000)
        last_sound = self.track.clip_end_before(end)
        if result.reason != EndReason.SILENCE.value or last_sound is None:
            return
        # A clip's last soft sounds may be none to the endpointer: then the end came before it,
        # and the last sound was the clip's before.
        if last_sound > to_samples(result.start_ms):
            hangover_s = (end - last_sound) / to_samples(1_000)
            self.heard.hangover_s.append(hangover_s)
            self.heard.total_s.append(hangover_s / self.speed + came_s - sent_s)

    def _interim(self, came_s: float, interim: wire.Interim) -> None:
        end = to_samples(interim.end_ms) + self.reach_samples
        sent_s = self._sent_s(end)
        if sent_s in self.window:
            self.heard.interim_s.append(came_s - sent_s)

    def _sent_s(self, sample: int) -> float:
        """When the message was sent with which the server had heard up to ``sample``."""
        # The last one sent, for a session that broke off.
        index = min(self.track.message_that_brought(sample), len(self.log.sent_s) - 1)
        return self.log.sent_s[index]

    def _closed(self, message: wire.SessionClosed) -> None:
        self.is_closed = True
        said = structs.asdict(message.produced)
        if any(said[kind] != self.produced[kind] for kind in said):
            self.heard.faults["session.closed counts events that did not come"] += 1
