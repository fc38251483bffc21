"""A sound file to a server, as fast as the server takes it or in real time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable

from intone.client.pacing import BurstPacing, Pacing, RealTimePacing
from intone.client.stream import Stream
from intone.errors import ServerUnavailable

_PING_EVERY_S = 2.0
"""Audio between two questions after the lag: an eighth of the longest utterance."""
_SHARE_ON_THE_WAY = 0.125
"""Of the allowed burst: what piles up before a stalled server arrives as one."""
_MOST_LAG_MS = 4_000
"""Well under the backlog at which a server gives an utterance up."""
_LAG_WAIT_S = 0.05
_PIECE_S = 1.0
"""Sent at a time: a block of any length is paced within itself."""


async def send_file(
    stream: Stream,
    blocks: Iterable[bytes] | AsyncIterable[bytes],
    *,
    is_realtime: bool = False,
) -> None:
    """Send ``blocks`` of whole samples in the stream's own format.

    Where the next one may be long in coming, as from a pipe, they are to be an asynchronous
    iterable, or nothing else happens meanwhile. Unless ``is_realtime``, they go as fast as the
    server's announced rate and its lag allow, and wait while a lost connection is tried again.
    """
    limits, audio = stream.session.limits, stream.session.audio
    pacing: Pacing = RealTimePacing()
    if not is_realtime:
        pacing = BurstPacing(limits.max_rate, limits.max_rate_burst_s)
    ask_after_s = min(_PING_EVERY_S, limits.max_rate_burst_s * _SHARE_ON_THE_WAY)
    unasked_s = 0.0
    piece_bytes = int(audio.sample_rate_hz * min(_PIECE_S, ask_after_s)) * audio.bytes_per_tick
    async for piece in _pieces(blocks, max(piece_bytes, audio.bytes_per_tick)):
        audio_s = len(piece) / audio.bytes_per_second
        if not is_realtime:
            await stream.wait_until_up()
        await asyncio.sleep(pacing.delay_s(audio_s, time.monotonic()))
        await stream.send(piece)
        unasked_s += audio_s
        if unasked_s >= ask_after_s and not is_realtime:
            unasked_s = 0.0
            await _let_it_catch_up(stream)


async def _pieces(
    blocks: Iterable[bytes] | AsyncIterable[bytes], size: int
) -> AsyncIterator[bytes]:
    async for block in _each(blocks):
        for start in range(0, len(block), size):
            yield block[start : start + size]


async def _each(blocks: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(blocks, AsyncIterable):
        async for block in blocks:
            yield block
    else:
        for block in blocks:
            yield block


async def _let_it_catch_up(stream: Stream) -> None:
    # While the stream comes back nobody can be asked; if it does not, sending says so.
    with contextlib.suppress(ServerUnavailable):
        # Asked in a loop: the server tells its lag only then.
        while (await stream.ping()).lag_ms > _MOST_LAG_MS:  # noqa: ASYNC110
            await asyncio.sleep(_LAG_WAIT_S)
