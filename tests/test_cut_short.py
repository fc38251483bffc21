"""Files that break off: those of formats of which libsndfile takes a part for the whole."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from intone.audio_files import open_audio
from intone.cut_short import missing_bytes
from intone.errors import InvalidAudioFile

RATE_HZ = 24_000
SECONDS = 8


def encoded(container: str, subtype: str, channels: int = 1, **options: str) -> bytes:
    """Eight seconds: many pages of Ogg, the second of which holds no audio."""
    samples = np.random.default_rng(5).uniform(-0.5, 0.5, (SECONDS * RATE_HZ, channels))
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format=container, subtype=subtype, **options)
    return file.getvalue()


SIZED = {
    "RF64": ("RF64", "PCM_16"),
    "Wave64": ("W64", "PCM_16"),
    "AU": ("AU", "PCM_16"),
    "AU of mu-law": ("AU", "ULAW"),
}
PAGED = {"Vorbis": ("OGG", "VORBIS"), "Opus": ("OGG", "OPUS")}


def seconds_of(content: bytes) -> float:
    """Read all of it; raises what an upload of it would be refused with."""
    with open_audio(io.BytesIO(content)) as audio:
        return sum(map(len, audio.blocks())) / audio.audio.bytes_per_second


def pages(content: bytes) -> list[tuple[int, int]]:
    """Where each page begins and ends."""
    found, at = [], 0
    while content[at : at + 4] == b"OggS":
        table = content[at + 27 : at + 27 + content[at + 26]]
        end = at + 27 + len(table) + sum(table)
        found.append((at, end))
        at = end
    assert at == len(content)
    return found


def unmarked(content: bytes) -> bytes:
    """``content`` without the flag of the end; nobody looks at what is left of the check sum."""
    at = pages(content)[-1][0]
    assert content[at + 5] == 4
    return content[: at + 5] + b"\0" + content[at + 6 :]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", [*SIZED.values(), *PAGED.values()], ids=[*SIZED, *PAGED])
def test_what_is_whole_is_heard_and_what_breaks_off_says_so(tmp_path, kind, channels):
    content = encoded(*kind, channels)
    assert seconds_of(content) == SECONDS
    path = tmp_path / "sound"
    for kept in (0.3, 0.5, 0.9, 0.99):
        cut = content[: round(len(content) * kept)]
        with pytest.raises(InvalidAudioFile, match=r"the upload breaks off after \d"):
            seconds_of(cut)
        path.write_bytes(cut)
        with open_audio(path) as audio, pytest.raises(InvalidAudioFile, match="sound breaks off"):
            list(audio.blocks())


@pytest.mark.parametrize(("container", "first"), [("WAV", b"RIFX"), ("AU", b"dns.")])
def test_the_other_order_of_bytes_is_read_too(container, first):
    content = encoded(container, "PCM_16", endian="BIG" if container == "WAV" else "LITTLE")
    assert content[:4] == first
    assert seconds_of(content) == SECONDS
    assert missing_bytes(io.BytesIO(content[:-1_000])) == 1_000


@pytest.mark.parametrize("kind", SIZED.values(), ids=SIZED)
def test_what_lacks_is_counted_and_a_little_is_padding(kind):
    content = encoded(*kind)
    for missing in (65, 1_000, len(content) - 28):
        assert missing_bytes(io.BytesIO(content[:-missing])) == missing
    assert missing_bytes(io.BytesIO(content[:-64])) == 0
    assert missing_bytes(io.BytesIO(content + bytes(1_000))) == 0


@pytest.mark.parametrize(
    ("kind", "at", "size"),
    [
        ("RF64", 20, bytes(8)),
        ("RF64", 20, b"\xff" * 8),
        ("Wave64", 16, bytes(8)),
        ("Wave64", 16, b"\xff" * 8),
        ("AU", 8, b"\xff" * 4),
    ],
)
def test_a_writer_that_could_not_know_the_size_is_not_held_to_it(kind, at, size):
    content = encoded(*SIZED[kind])
    cut = content[:at] + size + content[at + len(size) : -40_000]
    assert missing_bytes(io.BytesIO(cut)) == 0


def test_an_au_of_unknown_size_is_heard_to_the_end():
    content = encoded("AU", "PCM_16")
    assert seconds_of(content[:8] + b"\xff" * 4 + content[12:-48_000]) == SECONDS - 1


@pytest.mark.parametrize("kind", PAGED.values(), ids=PAGED)
def test_a_page_that_is_not_whole_is_missed_wherever_it_ends(kind):
    content = encoded(*kind)
    (*_, (before, _), (last, end)) = pages(content)
    assert end - before > 1_000
    for length in range(before + 1, end):
        # A last page of which nothing is there is looked at below.
        if length != last:
            assert missing_bytes(io.BytesIO(content[:length])) > 0
    assert missing_bytes(io.BytesIO(content[: end - 7])) == 7


@pytest.mark.parametrize("kind", PAGED.values(), ids=PAGED)
def test_a_stream_that_ends_with_a_page_is_whole_though_nothing_says_that_it_ends(kind):
    content = encoded(*kind)
    assert missing_bytes(io.BytesIO(unmarked(content))) == 0
    ends = [end for _, end in pages(content)]
    for end in ends:
        assert missing_bytes(io.BytesIO(content[:end])) == 0
    assert SECONDS / 2 < seconds_of(content[: ends[-2]]) < SECONDS


def test_a_packet_that_goes_on_behind_the_last_page_is_missed():
    page = b"OggS\0\0" + bytes(20) + b"\2\xff\xff" + bytes(510)
    assert missing_bytes(io.BytesIO(page)) > 0
    assert missing_bytes(io.BytesIO(page[:26] + b"\3\xff\xff\0" + page[29:])) == 0
    # A stream's last page has nothing behind it.
    assert missing_bytes(io.BytesIO(page[:5] + b"\4" + page[6:])) == 0


@pytest.mark.parametrize("kind", PAGED.values(), ids=PAGED)
def test_what_follows_the_last_page_is_not_audio(kind):
    content = encoded(*kind)
    for follower in (b"TAG" + bytes(125), bytes(60_000), bytes(1_000_000), b"x", content):
        assert missing_bytes(io.BytesIO(content + follower)) == 0
    # Another stream that begins and does not end breaks off.
    assert missing_bytes(io.BytesIO(content + content[:-100])) == 100
    # No page has another version, or more flags.
    for alike in (b"OggS\1\0", b"OggS\0\x08"):
        assert missing_bytes(io.BytesIO(content + alike + bytes(100))) == 0


@given(st.sampled_from([b"", b"OggS", b"RF64", b"riff", b".snd", b"RIFF"]), st.binary(max_size=80))
def test_any_bytes_lack_something_or_not_and_are_left_where_they_were(start, rest):
    file = io.BytesIO(start + rest)
    file.seek(1)
    assert missing_bytes(file) >= 0
    assert file.tell() == 1
