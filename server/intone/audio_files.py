"""Sound files to the bytes a session takes, by libsndfile; nothing else imports soundfile."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, final

import numpy as np
import soundfile

from intone.containers import NAMES, is_known_container
from intone.core.decode import Decoder
from intone.core.resample import Resampler, format_problem
from intone.cut_short import missing_bytes
from intone.errors import InvalidAudioFile, UnsupportedAudio
from intone.mp3_length import HeadedMp3, mp3_length
from intone.native_output import NATIVE_STDERR
from intone.types import SAMPLE_RATE_HZ, SAMPLE_RATES_HZ, AudioFormat, Encoding
from intone.unsized_wav import UnsizedWav, unfilled_size_at

BLOCK_MS = 250
"""Audio decoded at a time: small beside an utterance, large beside the cost of a call."""

LARGE_BLOCK_MS = 2_000
"""Where nobody waits for the answers in between: a quarter less work than in smaller ones."""

_UNKNOWN_FRAMES = 1 << 62
"""libsndfile gives the largest count it has where a header does not say."""

_PIPE = "a pipe: only WAV, AIFF, AU, Ogg and MP3 can be read through one"
"""What errors say of one: of the other formats libsndfile gives a part, or finds none in it."""

_BAD_FILE = 7
"""libsndfile's code where mpg123 finds no MP3 in what it was given; the sentence to it asks whether
the file is there. That it is was seen before."""

_NOT_RECOGNISED = "Format not recognised."
"""What libsndfile says of anything else that is no audio."""

_INT16_SUBTYPES = frozenset({"PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW", "DPCM_8", "DPCM_16"})
"""What 16 bits hold without loss; everything else is read as float32."""


class _ForwardOnly(soundfile.SoundFile):  # type: ignore[misc]  # soundfile is untyped
    """Reads on without seeking: libsndfile cannot seek in a FLAC that does not tell its length."""

    def seekable(self) -> bool:
        """Say no, so that soundfile does not seek after each read."""
        return False


class _Patient:
    """A file whose :meth:`seek` does not raise: native code that asks cannot be told.

    Of a broken header libsndfile makes a position before the start of the file; what is raised
    to it goes to standard error with a traceback, and no further.
    """

    def __init__(self, file: BinaryIO | UnsizedWav | HeadedMp3) -> None:
        self._file = file
        self.read = file.read
        self.tell = file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go there; stay, where there is no such place."""
        with suppress(ValueError, OSError):
            self._file.seek(offset, whence)
        return self.tell()


@final
class AudioFile:
    """An open sound file of one or two channels. Use it as a context manager."""

    def __init__(
        self, file: soundfile.SoundFile, name: str, missing_bytes: int, opened: ExitStack
    ) -> None:
        """Take the ``missing_bytes`` that libsndfile does not miss, and what it has ``opened``."""
        self._file = file
        self._opened = opened
        self._name = name
        self._missing_bytes = missing_bytes
        is_int16 = file.subtype in _INT16_SUBTYPES
        self.audio = AudioFormat(
            Encoding.S16LE if is_int16 else Encoding.F32LE, file.samplerate, file.channels
        )
        """What :meth:`blocks` gives; the rate is the file's own, which may be any."""

    @property
    def sample_rate_hz(self) -> int:
        """The file's own rate."""
        return self.audio.sample_rate_hz

    @property
    def channels(self) -> int:
        """1 or 2."""
        return self.audio.channels

    @property
    def frames(self) -> int | None:
        """Samples a channel, as the header says; None where it does not."""
        frames: int = self._file.frames
        return frames if frames < _UNKNOWN_FRAMES else None

    @property
    def duration_s(self) -> float | None:
        """Length as the header says; None where it does not."""
        return None if self.frames is None else self.frames / self.sample_rate_hz

    def blocks(self, block_ms: int = BLOCK_MS) -> Iterator[bytes]:
        """Yield the audio in whole samples, ``block_ms`` at a time; once only.

        Raises :class:`InvalidAudioFile` where the file breaks off or holds no audio. What
        was yielded before is good.
        """
        size = max(1, self.sample_rate_hz * block_ms // 1_000)
        frames_read = 0
        while block := self._read(size):
            frames_read += len(block) // self.audio.bytes_per_tick
            yield block
        if not frames_read:
            raise InvalidAudioFile(f"{self._name} holds no audio")
        is_short = self.frames is not None and frames_read < self.frames
        if is_short or self._missing_bytes:
            raise InvalidAudioFile(
                f"{self._name} breaks off after {frames_read / self.sample_rate_hz:.2f} s"
            )

    def _read(self, frames: int) -> bytes:
        dtype = "int16" if self.audio.encoding is Encoding.S16LE else "float32"
        with _translated(self._name), self._quietly():
            samples: np.ndarray = self._file.read(frames, dtype=dtype)
        return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()

    def _quietly(self) -> AbstractContextManager[None]:
        """Hide what mpg123 says of damage; no other decoder writes on standard error."""
        return NATIVE_STDERR.hidden() if self._file.format == "MP3" else nullcontext()

    def spoken(self) -> tuple[AudioFormat, Iterator[bytes]]:
        """Return a format every server takes, and blocks in it.

        That is the file's own where its rate is one of :data:`SAMPLE_RATES_HZ`, else
        float32 at 16 kHz, resampled just as a session in this process would.
        """
        if self.sample_rate_hz in SAMPLE_RATES_HZ:
            return self.audio, self.blocks()
        return AudioFormat(Encoding.F32LE, SAMPLE_RATE_HZ, self.channels), self._resampled()

    def _resampled(self) -> Iterator[bytes]:
        decoder = Decoder(self.audio)
        resampler = Resampler(self.sample_rate_hz, self.channels)
        for block in self.blocks():
            yield resampler.push(decoder.decode(block)).astype("<f4", copy=False).tobytes()
        yield resampler.finish().astype("<f4", copy=False).tobytes()

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_audio(
    source: str | Path | BinaryIO, name: str | None = None, longest_s: float = math.inf
) -> AudioFile:
    """Open a sound file (:data:`intone.containers.NAMES`); ``name`` is what errors call it.

    How far one goes that is over ``longest_s`` is not looked for, only that it is.

    Raises :class:`InvalidAudioFile` if it cannot be read or is not audio, and
    :class:`UnsupportedAudio` for more than two channels or a rate out of range.
    """
    shown = name or (str(source) if isinstance(source, (str, Path)) else "the upload")
    through_pipe = is_pipe(source)
    if through_pipe:
        shown = f"{shown} ({_PIPE})"
    with ExitStack() as opened:
        # Hidden whatever it is: mpg123 also looks into what turns out to be something else.
        with _translated(shown), NATIVE_STDERR.hidden():
            if isinstance(source, (str, Path)):
                # Opened once: a writer would take our leaving for the end of all reading.
                missing = 0 if through_pipe else _looked_at(Path(source), shown)
                # soundfile cannot encode a name that is no UTF-8.
                file = _ForwardOnly(os.fsencode(source))
            else:
                _check_container(source, shown)
                missing = missing_bytes(source)
                file = _ForwardOnly(_Patient(source))
            if not through_pipe and (not file.frames or file.format == "MP3"):
                file = _filled_in(file, source, opened, longest_s)
        opened.enter_context(file)
        problem = format_problem(file.channels, file.samplerate)
        if problem:
            raise UnsupportedAudio(f"{shown}: {problem}")
        return AudioFile(file, shown, missing, opened.pop_all())


def is_pipe(source: str | Path | BinaryIO) -> bool:
    """Whether it is the name of one; what has no place to look at is told by who opens it."""
    if not isinstance(source, (str, Path)):
        return False
    with suppress(OSError):
        return Path(source).is_fifo()
    return False


def _looked_at(path: Path, name: str) -> int:
    """Return the bytes that are missing in a file that libsndfile may open."""
    # Opened in any case: libsndfile says "System error" of a file that is not there.
    with path.open("rb") as file:
        if not file.seekable():
            return 0
        _check_container(file, name, path.name)
        return missing_bytes(file)


def _check_container(file: BinaryIO, name: str, file_name: str = "") -> None:
    if not is_known_container(file, file_name):
        why = f"{_NOT_RECOGNISED} It has no header of {NAMES}"
        raise InvalidAudioFile(f"{name} cannot be decoded: {why}")


def _filled_in(
    told: soundfile.SoundFile,
    source: str | Path | BinaryIO,
    opened: ExitStack,
    longest_s: float,
) -> soundfile.SoundFile:
    """Return ``told``; with all of its audio, if its writer never said how much that is."""
    if isinstance(source, (str, Path)):
        path = Path(source)
        source = opened.enter_context(path.open("rb"))
    if not source.seekable():
        return told
    whole: UnsizedWav | HeadedMp3 | None = None
    if told.format == "MP3":
        length = mp3_length(source, longest_s)
        if length is not None and length.is_misread(told.frames):
            whole = HeadedMp3(source, length)
    elif (size_at := unfilled_size_at(source)) is not None:
        whole = UnsizedWav(source, size_at)
    if whole is None:
        return told
    told.close()
    whole.seek(0)
    return _ForwardOnly(_Patient(whole))


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn what soundfile raises into :class:`InvalidAudioFile`."""
    try:
        yield
    except OSError as error:
        raise InvalidAudioFile(f"cannot read {name}: {error.strerror or error}") from error
    except soundfile.LibsndfileError as error:
        why = error.error_string.removeprefix("Error : ")
        if error.code == _BAD_FILE:
            why = _NOT_RECOGNISED
        raise InvalidAudioFile(f"{name} cannot be decoded: {why}") from error
    except TypeError as error:
        # soundfile takes the suffix .raw for headerless audio and wants its format told.
        raise InvalidAudioFile(f"{name} has no header that says what it holds") from error
