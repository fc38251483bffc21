"""How fast a file is sent, on a clock made of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intone.client.pacing import BurstPacing, RealTimePacing


@given(
    rate=st.floats(0.5, 50),
    burst_s=st.floats(1, 60),
    pieces=st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 30)), max_size=60),
)
def test_the_server_s_own_bucket_never_runs_dry(rate, burst_s, pieces):
    pacing = BurstPacing(rate, burst_s)
    now_s = server_last_s = 0.0
    server_tokens_s = burst_s
    for audio_s, idle_s in pieces:
        now_s += idle_s
        now_s += pacing.delay_s(audio_s, now_s)
        server_tokens_s = min(burst_s, server_tokens_s + (now_s - server_last_s) * rate)
        server_last_s = now_s
        server_tokens_s -= audio_s
        # One piece may be larger than what a tiny bucket keeps in reserve.
        assert server_tokens_s >= min(0.0, burst_s - audio_s) - 1e-6


def test_a_long_file_goes_at_most_of_the_allowed_rate():
    pacing = BurstPacing(max_rate=20.0, burst_s=30.0)
    now_s = 0.0
    for _ in range(4_000):
        now_s += pacing.delay_s(0.25, now_s)
    assert 1_000 / 20 < now_s < 1_000 / 20 * 1.25


def test_in_real_time_a_block_goes_when_it_would_have_been_spoken():
    pacing = RealTimePacing()
    assert pacing.delay_s(0.1, 7.0) == pytest.approx(0.1)
    assert pacing.delay_s(0.1, 7.1) == pytest.approx(0.1)
    # Late by half a second: it catches up rather than staying late.
    assert pacing.delay_s(0.1, 7.7) == 0.0
    assert pacing.delay_s(0.5, 7.7) == pytest.approx(0.1)


def test_a_stall_is_not_made_up_for_by_a_flood():
    pacing = RealTimePacing()
    now_s = 0.0
    for _ in range(20):
        now_s += pacing.delay_s(0.5, now_s)
    now_s += 45
    stalled_s = now_s
    for _ in range(20):
        now_s += pacing.delay_s(0.5, now_s)
    assert 10 - 1.5 <= now_s - stalled_s <= 10
