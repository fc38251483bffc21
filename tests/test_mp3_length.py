"""MP3 files whose header says nothing of their length, or something wrong."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from intone.audio_files import open_audio
from intone.core.decode import Decoder
from intone.errors import InvalidAudioFile
from intone.mp3_length import HeadedMp3, mp3_length

RATES_HZ = [16_000, 44_100, 8_000]
"""MPEG 2, 1 and 2.5."""
ENCODER_DELAY = 576
"""What LAME puts in front, and its own header has taken away again."""


def encoded(rate_hz: int, channels: int) -> bytes:
    """Four seconds, quiet at first: frames of many sizes behind one of Xing's."""
    rng = np.random.default_rng(rate_hz)
    loudness = np.repeat([0.001, 0.3, 0.0], [rate_hz, 2 * rate_hz, rate_hz])
    samples = loudness[:, None] * rng.uniform(-1, 1, (len(loudness), channels))
    file = io.BytesIO()
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "VARIABLE"}
    soundfile.write(file, samples, rate_hz, compression_level=0.5, **options)
    return file.getvalue()


def bare(content: bytes) -> bytes:
    """``content`` without the first frame, which tells of the others."""
    told_at = content.index(b"Xing")
    sync = content[:2]
    return content[content.index(sync, told_at) :]


@pytest.fixture(
    params=[(rate, channels) for rate in RATES_HZ for channels in (1, 2)], scope="module"
)
def whole(request) -> bytes:
    return encoded(*request.param)


@pytest.fixture(scope="module")
def one() -> bytes:
    return encoded(16_000, 1)


def decoded(content: bytes) -> np.ndarray:
    with open_audio(io.BytesIO(content), "speech.mp3") as audio:
        decoder = Decoder(audio.audio)
        frames = audio.frames
        samples = np.concatenate([decoder.decode(block) for block in audio.blocks()])
    assert len(samples) == frames
    return samples


def id3v2(size: int) -> bytes:
    return b"ID3\3\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)


def test_of_a_file_that_is_too_long_not_all_is_counted(one):
    content = bare(one)
    whole = mp3_length(io.BytesIO(content))
    some = mp3_length(io.BytesIO(content), longest_s=1.0)
    assert 16_000 < some.frames * some.samples_per_frame < 23_000
    assert some.frames < whole.frames // 2
    with open_audio(io.BytesIO(content), longest_s=1.0) as audio:
        assert audio.duration_s > 1.0


def test_a_variable_bit_rate_without_a_header_is_read_to_the_end(whole):
    expected, heard = decoded(whole), decoded(bare(whole))
    own = heard[ENCODER_DELAY : ENCODER_DELAY + len(expected)]
    # The header's frame was the first that the decoder had heard.
    settled = slice(2_500, len(own))
    np.testing.assert_allclose(own[settled], expected[: len(own)][settled], atol=1e-4)
    assert len(heard) >= len(expected)


def test_without_it_the_length_would_be_a_guess(whole):
    """If libsndfile learns to count, none of this is needed any more."""
    content = bare(whole)
    guessed = soundfile.SoundFile(io.BytesIO(content)).frames
    assert abs(guessed - len(decoded(content))) > 0.2 * guessed


def test_a_picture_before_the_audio_is_no_audio(one):
    plain = decoded(bare(one))
    np.testing.assert_array_equal(decoded(id3v2(50_000) + bare(one)), plain)
    np.testing.assert_array_equal(decoded(bare(one) + b"TAG" + bytes(125)), plain)


def test_files_put_one_behind_the_other_are_read_to_the_end_of_the_last(whole):
    single = len(decoded(whole))
    both = decoded(whole + id3v2(900) + whole)
    # The second's header is a frame, and what encoders put before and behind is not taken away.
    assert 2 * single <= len(both) < 2 * single + 6 * 1_152


def test_a_file_that_is_as_long_as_it_says_is_left_alone(whole, monkeypatch):
    monkeypatch.setattr("intone.audio_files.HeadedMp3", None)
    assert len(decoded(whole)) == len(soundfile.read(io.BytesIO(whole))[0])


def test_a_file_that_breaks_off_says_so_with_a_header_or_without(one):
    for content in (one, bare(one)):
        with pytest.raises(InvalidAudioFile, match=r"speech\.mp3 breaks off after \d"):
            decoded(content[: len(content) // 2 + 10])


def test_a_path_is_read_as_a_file_is(one, tmp_path):
    path = tmp_path / "speech.mp3"
    path.write_bytes(bare(one))
    with open_audio(path) as audio:
        read = b"".join(audio.blocks())
        assert len(read) == len(decoded(bare(one))) * audio.audio.bytes_per_tick


def test_a_file_in_shreds_is_left_to_its_decoder(one):
    content = bare(one)
    length = mp3_length(io.BytesIO(content))
    assert length is not None
    frame = content[: content.index(content[:2], 4)]
    assert mp3_length(io.BytesIO((2 * frame + bytes(3)) * 60)) is not None
    assert mp3_length(io.BytesIO((2 * frame + bytes(3)) * 70)) is None
    assert mp3_length(io.BytesIO(id3v2(0) * 1_000 + content)) is None


@given(st.binary(max_size=400), st.integers(0, 300), st.binary(max_size=9))
def test_any_bytes_have_a_length_or_none(noise, at, patch):
    start = encoded_once()[:600]
    for content in (noise, start[:at] + patch + start[at:], start[:at] + noise):
        file = io.BytesIO(content)
        file.seek(3)
        length = mp3_length(file)
        assert file.tell() == 3
        assert length is None or 1 <= length.frames <= 1 + len(content) // 24


def encoded_once(cache: list[bytes] = []) -> bytes:  # noqa: B006 - hypothesis takes no fixture
    if not cache:
        cache.append(bare(encoded(16_000, 1)))
    return cache[0]


@given(
    st.lists(
        st.tuples(st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END]), st.integers(-900, 900)),
        max_size=12,
    ),
    st.lists(st.integers(-1, 700), min_size=12, max_size=12),
)
def test_it_is_a_file_like_any_other(seeks, sizes):
    content = id3v2(40) + encoded_once()
    length = mp3_length(io.BytesIO(content))
    file, same = HeadedMp3(io.BytesIO(content), length), io.BytesIO(length.head + content[50:])
    for (whence, offset), size in zip(seeks, sizes, strict=False):
        place = {os.SEEK_SET: 0, os.SEEK_CUR: same.tell(), os.SEEK_END: len(same.getvalue())}[
            whence
        ]
        if place + offset < 0:
            with pytest.raises(ValueError, match="position"):
                file.seek(offset, whence)
        else:
            assert file.seek(offset, whence) == same.seek(place + offset)
        assert file.read(size) == same.read(size)
        assert file.tell() == same.tell()
