"""Bytes to float32 samples. The tables are ITU-T G.711's, as in the standard's Appendix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from intone.types import AudioFormat, Encoding, FloatArray

FULL_SCALE = 32_768.0
"""int16 full scale: -32768 becomes -1.0."""

_FULL_SCALE, _ONE_STEP = np.float32(FULL_SCALE), np.float32(1 / FULL_SCALE)
_LOWEST, _HIGHEST = np.float32(-32_768), np.float32(32_767)


def _mulaw_table() -> FloatArray:
    codes = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((codes & 0x0F) << 3) + 0x84) << ((codes & 0x70) >> 4)
    linear = np.where(codes & 0x80, 0x84 - magnitude, magnitude - 0x84)
    return (linear / FULL_SCALE).astype(np.float32)


def _alaw_table() -> FloatArray:
    codes = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (codes & 0x70) >> 4
    mantissa = (codes & 0x0F) << 4
    magnitude = np.where(
        segment == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(segment - 1, 0)
    )
    linear = np.where(codes & 0x80, magnitude, -magnitude)
    return (linear / FULL_SCALE).astype(np.float32)


_TABLES = {Encoding.MULAW: _mulaw_table(), Encoding.ALAW: _alaw_table()}


class Decoder:
    """Decodes a stream of bytes in pieces of any length; an incomplete sample is carried."""

    def __init__(self, audio: AudioFormat) -> None:
        self._audio = audio
        self._table = _TABLES.get(audio.encoding)
        self._leftover = b""

    @property
    def held_bytes(self) -> int:
        """How much of an incomplete sample is carried."""
        return len(self._leftover)

    def decode(self, data: bytes) -> FloatArray:
        """Return float32 (ticks, channels) in [-1, 1] of every sample now complete.

        f32le input is clipped to [-1, 1]; a NaN becomes 0.
        """
        # Where nothing is carried, neither of these copies.
        data = self._leftover + data
        whole = len(data) - len(data) % self._audio.bytes_per_tick
        data, self._leftover = data[:whole], data[whole:]
        return self._to_float(data).reshape(-1, self._audio.channels)

    def _to_float(self, data: bytes) -> FloatArray:
        if self._table is not None:
            return np.take(self._table, np.frombuffer(data, np.uint8))
        if self._audio.encoding is Encoding.S16LE:
            return from_int16(np.frombuffer(data, "<i2"))
        samples = np.frombuffer(data, "<f4").astype(np.float32)
        return np.clip(np.nan_to_num(samples, nan=0.0), -1.0, 1.0)


def to_int16(samples: FloatArray) -> NDArray[np.int16]:
    """Return ``samples`` (any shape, [-1, 1]) as int16, rounded and clipped."""
    scaled = samples * _FULL_SCALE
    np.rint(scaled, out=scaled)
    np.maximum(scaled, _LOWEST, out=scaled)
    np.minimum(scaled, _HIGHEST, out=scaled)
    return scaled.astype(np.int16)


def from_int16(samples: NDArray[np.int16]) -> FloatArray:
    """Return int16 ``samples`` (any shape) as float32 in [-1, 1)."""
    return samples * _ONE_STEP
