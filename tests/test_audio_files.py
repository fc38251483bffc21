"""Sound files to bytes, without loss, and clear refusals."""

from __future__ import annotations

import io
import os
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from intone.audio_files import open_audio
from intone.containers import is_known_container
from intone.core.decode import Decoder
from intone.errors import InvalidAudioFile, UnsupportedAudio
from intone.session import Session
from intone.types import AudioFormat, Encoding
from intone.unsized_wav import UnsizedWav, unfilled_size_at

MP3_FRAME = b"\xff\xf3\x44\xc4" + bytes(96)
"""The header of one, and too little behind it."""


@pytest.fixture
def noise():
    """Half a second of stereo noise at 16 kHz, float64 (8000, 2) in [-0.5, 0.5]."""
    return np.random.default_rng(7).uniform(-0.5, 0.5, (8_000, 2))


def decoded(source) -> np.ndarray:
    with open_audio(source) as audio:
        decoder = Decoder(audio.audio)
        return np.concatenate([decoder.decode(block) for block in audio.blocks()])


@pytest.mark.parametrize(
    ("container", "subtype", "encoding"),
    [
        ("WAV", "PCM_16", Encoding.S16LE),
        ("WAV", "PCM_U8", Encoding.S16LE),
        ("WAV", "ULAW", Encoding.S16LE),
        ("WAV", "PCM_24", Encoding.F32LE),
        ("WAV", "FLOAT", Encoding.F32LE),
        ("FLAC", "PCM_16", Encoding.S16LE),
        ("FLAC", "PCM_24", Encoding.F32LE),
        ("OGG", "VORBIS", Encoding.F32LE),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_read_is_what_libsndfile_holds(
    tmp_path, noise, container, subtype, encoding, channels
):
    path = tmp_path / "sound"
    soundfile.write(path, noise[:, :channels], 16_000, format=container, subtype=subtype)
    expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
    with open_audio(path) as audio:
        assert audio.audio == AudioFormat(encoding, 16_000, channels)
        assert (audio.frames, audio.duration_s) == (8_000, 0.5)
    assert np.array_equal(decoded(path), np.clip(expected, -1, 1))
    assert np.array_equal(decoded(io.BytesIO(path.read_bytes())), np.clip(expected, -1, 1))


@pytest.mark.parametrize("container", ["WAV", "AIFF"])
def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes_and_said_to_break_off(
    tmp_path, noise, container
):
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 16_000, format=container, subtype="PCM_16")
    path = tmp_path / "sound"
    path.write_bytes(buffer.getvalue()[:-16_000])
    for source in (path, io.BytesIO(path.read_bytes())):
        heard: list[bytes] = []
        with open_audio(source) as audio, pytest.raises(InvalidAudioFile, match=r"after 0\.25 s"):
            heard.extend(audio.blocks())
        assert len(b"".join(heard)) == 16_000


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x80000024, 0xFFFFFFFF])
def test_a_wav_whose_writer_could_not_know_its_size_is_read_to_the_end(noise, size):
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 16_000, format="WAV", subtype="PCM_16")
    content = bytearray(buffer.getvalue())
    content[4:8] = size.to_bytes(4, "little")
    assert len(decoded(io.BytesIO(content))) == 8_000


def unsized(noise, riff_size: int, *, before: bytes = b"") -> bytes:
    """A WAV as its recorder leaves it that was killed: data's size is 0, ``before`` precedes it."""
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 16_000, format="WAV", subtype="PCM_16")
    content = bytearray(buffer.getvalue())
    content[4:8] = riff_size.to_bytes(4, "little")
    content[40:44] = bytes(4)
    content[36:36] = before
    return bytes(content)


@pytest.mark.parametrize("riff_size", [0, 36, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("before", [b"", b"LIST\x05\0\0\0INFOx\0"], ids=["bare", "with a chunk"])
def test_a_wav_whose_writer_never_filled_its_sizes_in_is_read_to_the_end(
    tmp_path, noise, riff_size, before
):
    content = unsized(noise, riff_size, before=before)
    path = tmp_path / "sound.wav"
    path.write_bytes(content)
    expected = decoded(
        io.BytesIO(content[: 36 + len(before) + 4] + b"\xff" * 4 + content[-32_000:])
    )
    assert len(expected) == 8_000
    assert np.array_equal(decoded(path), expected)
    assert np.array_equal(decoded(io.BytesIO(content)), expected)


def test_a_wav_without_audio_that_something_follows_holds_none(noise):
    content = unsized(noise, 36 + 8 + 4)[:44] + b"note\x04\0\0\0abcd"
    with (
        open_audio(io.BytesIO(content)) as audio,
        pytest.raises(InvalidAudioFile, match="holds no audio"),
    ):
        list(audio.blocks())


@pytest.mark.parametrize("tags", [b"", b"ID3\x04\0\0\0\0\0\x05hello"], ids=["bare", "behind ID3"])
@pytest.mark.parametrize("container", ["SVX", "SDS", "MAT4", "XI"])
def test_a_format_nobody_has_is_not_handed_to_its_reader(tmp_path, noise, container, tags):
    """A broken 8SVX keeps libsndfile busy for ever; its reader of SDS prints."""
    path = tmp_path / "sound"
    subtype = "DPCM_16" if container == "XI" else "PCM_16"
    soundfile.write(path, noise[:, 0], 44_100, format=container, subtype=subtype)
    content = tags + path.read_bytes()
    path.write_bytes(content)
    for source in (path, io.BytesIO(content)):
        with pytest.raises(InvalidAudioFile, match="has no header of WAV"):
            open_audio(source)


def test_an_mp3_by_name_may_begin_in_its_middle(tmp_path, noise):
    """As what was cut out of a stream does."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.tile(noise, (4, 1)), 16_000, format="MP3")
    path = tmp_path / "stream.MP3"
    path.write_bytes(buffer.getvalue()[700:])
    assert len(decoded(path)) > 20_000
    path.write_bytes(b"FORM\0\0\0\x108SVX" + bytes(100))
    with pytest.raises(InvalidAudioFile, match="has no header of WAV"):
        open_audio(path)


@pytest.mark.parametrize("container", ["VOC", "W64", "NIST", "CAF", "AU", "RF64", "PVF", "AIFF"])
def test_a_file_behind_id3_is_what_it_is_without(noise, container):
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 16_000, format=container, subtype="PCM_16")
    assert decoded(io.BytesIO(buffer.getvalue())).shape == (8_000, 2)
    assert is_known_container(io.BytesIO(b"ID3\x04\0\0\0\0\0\x05hello" + buffer.getvalue()))


@given(reads=st.lists(st.integers(0, 60), max_size=20))
def test_an_unsized_wav_reads_the_same_in_any_steps(reads):
    content = b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0abcddata\0\0\0\0" + bytes(range(40))
    file = io.BytesIO(content)
    size_at = unfilled_size_at(file)
    assert size_at == 28
    whole = UnsizedWav(file, size_at)
    read = b"".join(whole.read(size) for size in reads) + whole.read()
    assert read == content[:28] + b"\xff" * 4 + content[32:]


def test_a_flac_that_does_not_tell_its_length_is_read_to_the_end(noise):
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 16_000, format="FLAC", subtype="PCM_16")
    content = bytearray(buffer.getvalue())
    # STREAMINFO's 36-bit sample count; 0 is "unknown", what an encoder writes into a pipe.
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    source = io.BytesIO(bytes(content))
    with open_audio(source) as audio:
        assert (audio.frames, audio.duration_s) == (None, None)
        assert sum(map(len, audio.blocks())) == 8_000 * 4


def test_a_file_that_breaks_off_gives_what_it_has_and_says_so(noise):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.tile(noise, (10, 1)), 16_000, format="FLAC", subtype="PCM_16")
    half = buffer.getvalue()[: len(buffer.getvalue()) // 2]
    blocks = []
    with open_audio(io.BytesIO(half)) as audio, pytest.raises(InvalidAudioFile, match="upload"):
        blocks.extend(audio.blocks())
    assert 1 < sum(map(len, blocks)) / 4 / 16_000 < 3


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("empty.wav", b"", "cannot be decoded"),
        ("page.wav", b"<html>not audio</html>", "cannot be decoded"),
        ("text.mp3", b"hello world" * 100, "cannot be decoded: Format not recognised."),
        ("start.mp3", MP3_FRAME, "cannot be decoded: Format not recognised."),
        ("headerless.raw", b"\0" * 320, "no header"),
        (".", None, "Is a directory"),
        ("nowhere.wav", None, "No such file"),
    ],
)
def test_what_is_not_audio_is_refused_by_name(tmp_path, name, content, part):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidAudioFile) as refusal:
        open_audio(path)
    assert str(path) in str(refusal.value)
    assert part in str(refusal.value)


def test_a_file_without_a_sample_is_refused(tmp_path):
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros((0, 1)), 16_000)
    with open_audio(path) as audio, pytest.raises(InvalidAudioFile, match="holds no audio"):
        list(audio.blocks())


@pytest.mark.parametrize(
    ("rate_hz", "channels", "part"),
    [(16_000, 3, "not 3"), (4_000, 1, "not 4000"), (384_000, 1, "not 384000")],
)
def test_more_channels_or_a_rate_out_of_range_are_refused(tmp_path, rate_hz, channels, part):
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros((100, channels)), rate_hz)
    with pytest.raises(UnsupportedAudio, match=part):
        open_audio(path)


@pytest.mark.parametrize("rate_hz", [24_414, 96_000])
def test_a_rate_no_server_takes_is_brought_to_one_and_heard_the_same(
    tmp_path, two_utterances_wav, rate_hz
):
    # The samples are speech at another speed: what matters is that both ways hear the same.
    samples, _ = soundfile.read(two_utterances_wav, dtype="int16")
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.repeat(samples, max(1, rate_hz // 16_000)), rate_hz)
    with open_audio(path) as audio:
        session = Session(audio.audio)
        direct = [event for block in audio.blocks() for event in session.feed(block)]
        direct += session.finish()
    with open_audio(path) as audio:
        spoken, blocks = audio.spoken()
        assert spoken == AudioFormat(Encoding.F32LE, 16_000, 1)
        session = Session(spoken)
        brought = [event for block in blocks for event in session.feed(block)]
        brought += session.finish()
    assert direct
    assert brought == direct


def test_a_header_that_leads_before_the_start_of_the_file_is_refused_without_a_traceback(noise):
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 16_000, format="AIFF", subtype="PCM_16")
    content = bytearray(buffer.getvalue())
    # No such chunk: what is in it is taken for chunks.
    content[content.index(b"SSND")] = 0xFF
    # What a callback raises would fail the test: warnings are errors.
    with pytest.raises(InvalidAudioFile, match="cannot be decoded"):
        open_audio(io.BytesIO(content))


def test_a_fifo_is_left_to_its_decoder(tmp_path, monkeypatch, male_wav):
    # Opened and left before, it would break its writer's pipe, and then wait for another writer.
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    content = male_wav.read_bytes()
    expected = decoded(io.BytesIO(content))

    def write():
        with open(fifo, "wb") as file:  # noqa: PTH123 - the other way is closed
            file.write(content)

    def refuse(path, *_):
        raise OSError(f"{path} is opened twice")

    monkeypatch.setattr(Path, "open", refuse)
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert np.array_equal(decoded(fifo), expected)
    writer.join()


@pytest.mark.parametrize("container", ["FLAC", "CAF"])
def test_what_no_pipe_can_carry_is_told(tmp_path, noise, container):
    fifo, path = tmp_path / "fifo", tmp_path / "sound"
    os.mkfifo(fifo)
    soundfile.write(path, noise, 16_000, format=container, subtype="PCM_16")

    def write():
        # Whoever reads no further breaks the pipe.
        with suppress(BrokenPipeError), fifo.open("wb") as file:
            file.write(path.read_bytes())

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    with pytest.raises(InvalidAudioFile, match=r"fifo \(a pipe: only WAV, .* through one\)"):
        decoded(fifo)
    writer.join()


def test_a_name_that_cannot_be_looked_at_is_refused_like_a_file_that_is_not_there():
    for name in ("n" * 300, "no such file"):
        with pytest.raises(InvalidAudioFile, match=f"cannot read {name}"):
            open_audio(name)
