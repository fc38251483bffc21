"""What is made of what a session was told."""

from __future__ import annotations

from array import array

import pytest

from intone.types import to_samples
from intone.web import codec, wire
from intone_bench.hearing import Window, events_of, hear
from intone_bench.lines import Log
from intone_bench.matching import match

ANSWER = wire.Answer(label="calm", confidence=0.9, scores={"calm": 0.9, "sad": 0.1})
SPAN = {"utterance_id": 1, "channel": 0, "start_ms": 200}
STARTED = wire.Started(**SPAN)
INTERIM = wire.Interim(**SPAN, end_ms=840, emotion=ANSWER, gender=ANSWER)
RESULT = wire.Result(
    **SPAN, end_ms=1_500, emotion=ANSWER, gender=ANSWER, reason="silence", model="gru",
    latency_ms=3.0,
)  # fmt: skip
CLOSED = wire.SessionClosed(
    reason="client",
    received=wire.Received(audio_ms=25_000, bytes=800_000),
    produced=wire.Produced(utterances=1, interims=1, discarded=0),
)
ALWAYS = Window(0.0, 1e9)


def log_of(*messages: tuple[float, wire.ServerMessage], count: int = 250) -> Log:
    """A session whose message ``i`` was due at second ``i / 10``."""
    texts = [(came_s, codec.encode(message).encode()) for came_s, message in messages]
    return Log(0, array("d", [index / 10 for index in range(count)]), texts)


GOOD = log_of((0.5, STARTED), (0.85, INTERIM), (1.42, RESULT), (26.0, CLOSED))


def heard(wide_track, *logs, window=ALWAYS, reach=240):
    return hear(logs, [wide_track], window, reach, 1.0)


def test_a_result_is_late_by_the_time_since_its_deciding_message(wide_track):
    found = heard(wide_track, GOOD)
    # 1,500 ms are complete with message 14, due at 1.4 s.
    assert found.result_s == pytest.approx([0.02])
    assert found.server_s == pytest.approx([0.003])
    # 840 ms and what the block's window reaches beyond come with message 8.
    assert found.interim_s == pytest.approx([0.05])
    assert (found.utterances, found.results, found.interims) == (1, 1, 1)
    assert not found.faults


def test_only_the_time_when_all_speak_is_measured_but_everything_is_counted(wide_track):
    found = heard(wide_track, GOOD, window=Window(2.0, 3.0))
    assert found.result_s == []
    assert found.results == 1


def test_the_hangover_is_told_apart(wide_track):
    last_sound = wide_track.clip_ends[0]
    end_ms = -(-last_sound // 320) * 20 + 460
    span = {**SPAN, "start_ms": 20}
    result = wire.Result(
        **span, end_ms=end_ms, emotion=ANSWER, gender=ANSWER, reason="silence", model="gru"
    )
    due_s = wide_track.message_that_brought(to_samples(end_ms)) / 10
    found = heard(wide_track, log_of((0.5, STARTED), (due_s + 0.03, result)))
    assert found.hangover_s == pytest.approx([end_ms / 1_000 - last_sound / 16_000])
    assert found.total_s == pytest.approx([found.hangover_s[0] + 0.03])


def test_a_flushed_result_has_no_latency(wide_track):
    flushed = wire.Result(
        **SPAN, end_ms=1_500, emotion=ANSWER, gender=ANSWER, reason="end_of_stream", model="gru"
    )
    found = heard(wide_track, log_of((0.5, STARTED), (1.5, flushed)))
    assert (found.results, found.result_s) == (1, [])


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        (log_of((0.5, STARTED), (26.0, CLOSED)), "neither result nor discarded"),
        (log_of((0.5, STARTED), (0.85, INTERIM), (1.4, RESULT)), "no session.closed"),
        (log_of((0.5, STARTED), (1.4, RESULT), (26.0, CLOSED)), "counts events that did not come"),
        (log_of((1.4, RESULT), (26.0, CLOSED)), "had not started"),
        (Log(0, array("d", [0.0]), [], fault="the server hung up"), "hung up"),
    ],
)
def test_whatever_is_missing_is_a_fault(wide_track, log, fault):
    assert any(fault in name for name in heard(wide_track, log).faults)


def test_only_what_the_server_could_not_do_is_lost(wide_track):
    def discarded(reason: str) -> Log:
        return log_of((0.5, STARTED), (1.0, wire.Discarded(**SPAN, end_ms=900, reason=reason)))

    found = heard(wide_track, *map(discarded, ("too_short", "unvoiced", "overloaded", "failed")))
    assert found.lost == 2
    assert sum(found.discarded.values()) == 4


def test_errors_are_counted_by_code(wide_track):
    error = wire.Error(code="rate_limited", message="too fast", retryable=True)
    assert heard(wide_track, log_of((0.1, error))).errors == {"rate_limited": 1}


# --- the same as alone -----------------------------------------------------------------


def test_the_same_events_match_whatever_the_clock_said():
    later = log_of((5.0, STARTED), (5.0, INTERIM), (9.0, codec_late(RESULT)), (26.0, CLOSED))
    found = match([GOOD, later], [events_of(GOOD)])
    assert found.is_identical
    assert found.events == 6


def codec_late(result: wire.Result) -> wire.Result:
    return wire.Result(
        **SPAN, end_ms=result.end_ms, emotion=ANSWER, gender=ANSWER, reason="silence",
        model="gru", latency_ms=900.0,
    )  # fmt: skip


def test_a_dropped_interim_is_counted_and_no_difference():
    found = match([log_of((0.5, STARTED), (1.4, RESULT))], [events_of(GOOD)])
    assert found.is_identical
    assert found.interims_missing == 1


def test_any_other_field_is_a_difference():
    other = wire.Answer(label="calm", confidence=0.9000001, scores=ANSWER.scores)
    changed = wire.Result(
        **SPAN, end_ms=1_500, emotion=other, gender=ANSWER, reason="silence", model="gru"
    )
    found = match([GOOD, log_of((0.5, STARTED), (0.8, INTERIM), (1.4, changed))], [events_of(GOOD)])
    assert found.differing_sessions == 1
    assert "0.9000001" in found.differences[0]


def test_a_missing_result_is_a_difference():
    found = match([log_of((0.5, STARTED), (0.8, INTERIM))], [events_of(GOOD)])
    assert "told 2 events, alone 3" in found.differences[0]
