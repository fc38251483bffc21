"""What a speaker sends, and which message lets the server answer."""

from __future__ import annotations

import numpy as np
import pytest

from intone.session import Session
from intone.types import EndReason, UtteranceResult, to_samples
from intone_bench.speech import NoSpeech, from_folder, synthetic, trim
from intone_bench.tracks import Format, make_tracks


@pytest.mark.parametrize("kind", list(Format))
def test_messages_are_of_one_length_and_as_long_as_was_asked_for(clips, kind):
    (track,) = make_tracks(clips, kind, count=1, duration_s=6.0, speech_share=0.5, seed=1)
    assert track.duration_s == pytest.approx(6.0)
    assert {len(message) for message in track.messages} == {kind.message_bytes}
    assert kind.message_bytes == (3_200 if kind is Format.WIDE else 160)


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5])
def test_about_the_share_asked_for_is_speech(clips, share):
    tracks = make_tracks(clips, Format.WIDE, count=6, duration_s=60.0, speech_share=share, seed=2)
    loud = [
        np.abs(np.frombuffer(b"".join(track.messages), "<i2").reshape(-1, 1_600)).max(axis=1) > 60
        for track in tracks
    ]
    assert np.mean(loud) == pytest.approx(share, abs=0.1)


def test_the_same_seed_says_the_same_and_another_does_not(clips):
    def make(seed: int):
        return make_tracks(clips, Format.WIDE, count=2, duration_s=8.0, speech_share=0.5, seed=seed)

    assert make(1) == make(1)
    assert make(1) != make(2)
    first, second = make(1)
    assert first != second


@pytest.mark.parametrize("name", ["wide_track", "phone_track"])
def test_a_result_comes_with_the_very_message_that_is_held_to_have_brought_it(name, request):
    """The latency that is reported starts there: the embedded session is the judge."""
    track = request.getfixturevalue(name)
    session = Session(track.format.audio)
    ends = 0
    for index, message in enumerate(track.messages):
        for event in session.feed(message):
            if isinstance(event, UtteranceResult) and event.reason is EndReason.SILENCE:
                ends += 1
                assert track.message_that_brought(to_samples(event.end_ms)) == index
    assert ends >= 3


def test_the_last_clip_before_an_end_is_found(wide_track):
    first, second = wide_track.clip_ends[:2]
    assert wide_track.clip_end_before(first - 1) is None
    assert wide_track.clip_end_before(first) == first
    assert wide_track.clip_end_before(second - 1) == first


def test_silence_around_speech_is_cut_off_and_a_pause_within_is_not():
    speech = np.full(3_200, 0.5, "f4")
    hush = np.full(1_600, 0.001, "f4")
    sound = np.concatenate([hush, speech, hush, speech, hush])
    assert trim(sound).shape == (3_200 + 1_600 + 3_200,)
    assert trim(np.zeros(1_000, "f4")).shape == (0,)


def test_a_folder_without_speech_is_refused(tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(NoSpeech, match="no sound file"):
        from_folder(tmp_path, 5, 0)


def test_there_is_speech_without_any_folder():
    clips = synthetic()
    assert len(clips.samples) >= 2
    assert all(samples.dtype == np.float32 for samples in clips.samples)
