"""A session with a server: audio in, events out, over one connection after another."""

from __future__ import annotations

import asyncio
import itertools
import time
from enum import Enum

from intone.client.dialling import Dialled, Dialler, log_try
from intone.client.events import (
    Pong,
    Reconnected,
    Reconnecting,
    ServerError,
    SessionClosed,
    SessionCreated,
    StreamEvent,
)
from intone.client.inbox import Inbox
from intone.client.messages import FLUSH, SESSION_CLOSE, Received, decode, encode_ping
from intone.client.reconnect import RETRYABLE_CLOSE_CODES, ReconnectPolicy
from intone.client.transport import ConnectionLost
from intone.errors import IntoneError, InvalidAudioFrame, ServerUnavailable, ShuttingDown
from intone.types import UtteranceDiscarded, UtteranceResult, UtteranceStarted

CLOSE_TIMEOUT_S = 30.0
"""From the asking to the totals. A server that is not overloaded answers within a second."""


_BY_CLIENT, _BY_SHUTDOWN = "client", "server_shutdown"
"""What ``session.closed`` says where the client asked for it, and where the server stops."""


class _State(Enum):
    UP = "up"
    DOWN = "down"
    CLOSING = "closing"
    OVER = "over"


class Stream:
    """What :func:`intone.client.connect` gives. Iterate over it for events.

    One task may iterate while another sends. The iteration ends after :meth:`close`; if the
    session ends otherwise it raises the error, after every event that came before it.
    """

    _state: _State

    def __init__(self, dialler: Dialler, policy: ReconnectPolicy | None, first: Dialled) -> None:
        self._dialler = dialler
        self._policy = policy
        self._inbox = Inbox()
        self._markers = (str(number) for number in itertools.count(1))
        self._pongs: dict[str, asyncio.Future[Pong]] = {}
        self._dropped_bytes = 0
        self._closed: SessionClosed | None = None
        self._failure: IntoneError | None = None
        self._is_up = asyncio.Event()
        self.is_aborted = False
        """By whoever holds it, who needs not be told."""
        self._take(first)
        self._inbox.put(first.session)
        self._task = asyncio.create_task(self._run(), name="intone-client")

    @classmethod
    async def open(cls, dialler: Dialler, policy: ReconnectPolicy | None) -> Stream:
        """Connect, and begin to listen."""
        return cls(dialler, policy, await dialler.dial(log_try))

    # --- for the caller ---------------------------------------------------------------

    @property
    def session(self) -> SessionCreated:
        """The session of the present connection, or of the last one while it is down."""
        return self._session

    @property
    def dropped_ms(self) -> int:
        """Audio given to :meth:`send` while the connection was down, in all."""
        return self._dropped_bytes * 1_000 // self._session.audio.bytes_per_second

    async def send(self, pcm: bytes) -> None:
        """Send whole samples of audio, cut to what a message may be.

        Nothing waits here: the server ends a session whose audio comes faster than its ``limits``
        say, and :func:`intone.client.send_file` sends no faster.
        While a lost connection is being tried again the audio is dropped and counted. Raises
        :class:`InvalidAudioFrame` for a torn sample, and what ended the session if it is over.
        """
        tick = self._session.audio.bytes_per_tick
        if len(pcm) % tick:
            raise InvalidAudioFrame(f"{len(pcm)} bytes are not whole samples of {tick} bytes")
        size = self._session.most_message_bytes
        for start in range(0, len(pcm), size):
            piece = pcm[start : start + size]
            if not await self._send(piece):
                self._dropped_bytes += len(piece)
                # Whoever sends without a pause would keep the connection from coming back.
                await asyncio.sleep(0)

    async def wait_until_up(self) -> None:
        """Return once no lost connection is being tried again, be it that the session is over."""
        await self._is_up.wait()

    async def flush(self) -> None:
        """End the running utterances now."""
        await self._send(FLUSH)

    async def ping(self) -> Pong:
        """Ask how far the server is; raise :class:`ServerUnavailable` if it is not there."""
        marker = next(self._markers)
        answer: asyncio.Future[Pong] = asyncio.get_running_loop().create_future()
        self._pongs[marker] = answer
        try:
            if not await self._send(encode_ping(marker)):
                raise ServerUnavailable("the connection is down")
            return await answer
        finally:
            self._pongs.pop(marker, None)
            # Nobody asks for it any more, though it may have failed just as the sending did.
            if not answer.cancel() and not answer.cancelled():
                answer.exception()

    async def close(self) -> SessionClosed:
        """End the session: the last results come, then the totals, which are returned.

        Raises what ended the session if that was not this call, and
        :class:`ServerUnavailable` if the connection is down. Safe to repeat.
        """
        if self._state is _State.UP:
            self._state = _State.CLOSING
            awaited = [self._task, asyncio.create_task(self._try_to_send(SESSION_CLOSE))]
        else:
            if self._state is _State.DOWN:
                await self.abort(ServerUnavailable("closed while the connection was down"))
            awaited = [self._task]
        # Of a server that does not read, the sending takes as long as it lets it.
        await asyncio.wait(awaited, timeout=CLOSE_TIMEOUT_S)
        if not self._task.done():
            late = f"no session.closed came within {CLOSE_TIMEOUT_S:.0f} s"
            await self.abort(ServerUnavailable(late))
        self._raise_failure()
        assert self._closed is not None
        return self._closed

    async def abort(self, failure: IntoneError | None = None) -> None:
        """Drop the connection without waiting for results; safe to repeat."""
        self.is_aborted = failure is None
        if not self._task.done():
            self._failure = failure or ServerUnavailable("the stream was aborted")
            self._task.cancel()
            await asyncio.wait([self._task])
            # A task that is cancelled before its first step does not clean up.
            await self._end()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> StreamEvent:
        event = await self._inbox.take()
        if event is None:
            self._raise_failure()
            raise StopAsyncIteration
        return event

    # --- the connection ---------------------------------------------------------------

    def _take(self, dialled: Dialled) -> None:
        self._connection = dialled.connection
        self._session = dialled.session
        self._up_since_s = time.monotonic()
        self._running_ids: set[int] = set()
        self._fatal: ServerError | None = None
        self._closed = None
        self._state = _State.UP
        self._is_up.set()

    async def _run(self) -> None:
        try:
            while not self._is_finished(lost := await self._listen()):
                await self._recover(lost)
        except IntoneError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001 - else it would look like a good end
            self._failure = ServerUnavailable(f"the client failed: {error!r}")
            self._failure.__cause__ = error
        finally:
            await self._end()

    async def _end(self) -> None:
        self._state = _State.OVER
        # Whoever waits for it is told by what comes next.
        self._is_up.set()
        self._end_pongs()
        self._inbox.end()
        await self._connection.close()

    async def _listen(self) -> ConnectionLost:
        """Take messages until the connection is lost, and return how."""
        while True:
            try:
                text = await self._connection.receive()
            except ConnectionLost as lost:
                return lost
            self._handle(decode(text))

    def _handle(self, received: Received | None) -> None:
        match received:
            case None:
                return
            case (marker, pong):
                answer = self._pongs.get(marker)
                if answer is not None and not answer.done():
                    answer.set_result(pong)
                return
            case UtteranceStarted():
                self._running_ids.add(received.utterance_id)
            case UtteranceResult() | UtteranceDiscarded():
                self._running_ids.discard(received.utterance_id)
            case ServerError() if received.is_fatal:
                self._fatal = received
            case SessionClosed():
                self._closed = received
        self._inbox.put(received)

    def _is_finished(self, lost: ConnectionLost) -> bool:
        """Whether the session ended as asked; raises if it ended and nothing brings it back."""
        is_closing = self._state is _State.CLOSING
        # The server may have ended it just before it read our session.close.
        if is_closing and self._closed is not None and self._closed.reason == _BY_CLIENT:
            return True
        if is_closing or self._policy is None or lost.code not in RETRYABLE_CLOSE_CODES:
            raise self._why_it_ended(lost)
        return False

    def _why_it_ended(self, lost: ConnectionLost) -> IntoneError:
        if self._fatal is not None:
            return self._fatal.as_exception()
        if self._closed is not None and self._closed.reason == _BY_SHUTDOWN:
            return ShuttingDown("the server stopped")
        return ServerUnavailable(str(lost))

    async def _recover(self, lost: ConnectionLost) -> None:
        """Come back on a new connection, or raise what stands against it."""
        self._state = _State.DOWN
        self._is_up.clear()
        self._end_pongs()
        self._dialler.backoff.was_up(time.monotonic() - self._up_since_s)
        lost_ids = tuple(sorted(self._running_ids))
        dropped_ms = self.dropped_ms

        def announce(reason: str, tries: int, delay_s: float) -> None:
            if self._failure is not None:
                # Aborted just as a try failed: as below.
                raise self._failure
            self._inbox.put(Reconnecting(reason, tries, delay_s, lost_ids))

        cause = str(self._why_it_ended(lost))
        dialled = await self._dialler.dial(announce, cause)
        if self._failure is not None:
            # Aborted just as it came: wait_for (before Python 3.12) loses the cancellation.
            await dialled.connection.close()
            raise self._failure
        self._take(dialled)
        self._inbox.put(Reconnected(self._session, self.dropped_ms - dropped_ms))

    async def _send(self, message: str | bytes) -> bool:
        """Return whether the message went out; raise what ended the session if it is over."""
        if self._state is _State.UP and await self._try_to_send(message):
            return True
        if self._policy is None or self._state in (_State.CLOSING, _State.OVER):
            await asyncio.wait([self._task])
            self._raise_failure()
            raise ServerUnavailable("the stream is closed")
        return False

    async def _try_to_send(self, message: str | bytes) -> bool:
        try:
            await self._connection.send(message)
        except ConnectionLost:
            return False
        return True

    def _raise_failure(self) -> None:
        if self._failure is not None:
            # Each raising adds to its traceback, whose frames hold the audio of the call.
            raise self._failure.with_traceback(None)
        if self._task.done():
            self._task.result()

    def _end_pongs(self) -> None:
        for answer in self._pongs.values():
            if not answer.done():
                answer.set_exception(ServerUnavailable("the connection was lost"))
