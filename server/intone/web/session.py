"""One client's session on its socket: read, write, and an orderly end whatever happens."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping

from intone.errors import IdleTimeout, IntoneError, SessionTooLong, SlowConsumer
from intone.types import DiscardReason
from intone.web import auth, wire
from intone.web.conversation import Conversation
from intone.web.dialect import Codec, Dialect
from intone.web.ending import BY_CLIENT, SHUTDOWN, VANISHED, Ending, because_of, fault, our_fault
from intone.web.outbox import Outbox
from intone.web.rate import MessagePacer
from intone.web.server import Server
from intone.web.watch import Watch
from intone.web.websocket import ClientGone, StreamSocket

log = logging.getLogger(__name__)


async def _stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


class StreamSession:
    """Runs until its client, the server, or a limit ends it; the first reason counts."""

    def __init__(
        self, server: Server, dialect: Dialect, socket: StreamSocket, token_name: str = ""
    ) -> None:
        self._limits = server.settings.limits
        self._dialect = dialect
        self._token_name = token_name
        self._codec: Codec = dialect.new_codec()
        self._socket = socket
        self._outbox = Outbox(socket.send_str, self._limits.send_timeout_s, self._give_up)
        self._has_failed = False
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._progressed = asyncio.Event()
        self._slowed = server.metrics.clients_slowed
        self._pacer = MessagePacer(self._limits.max_messages_per_s, time.monotonic())
        self.session_id = secrets.token_hex(8)
        self._conversation = Conversation(
            server, self.session_id, dialect.name, self._say, self._progressed.set, self._fail
        )
        self._most_ms = self._limits.max_rate_burst_s * 1_000
        self._pinging: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """See :class:`intone.web.server.Stoppable`."""
        self._end(SHUTDOWN)

    async def run(self, wishes: Mapping[str, object]) -> None:
        """Hold the whole conversation."""
        started_s = time.monotonic()
        limit_s = self._limits.max_session_s
        too_long = because_of(SessionTooLong(f"a session may last {limit_s:g} s"))
        timer = asyncio.get_running_loop().call_later(limit_s, self._end, too_long)
        watch = Watch(
            self._limits.idle_timeout_s,
            ping=self._ping,
            on_idle=self._end_idle,
            on_dead=self._socket.abort,
        )
        writer = asyncio.create_task(self._write())
        tasks = [writer]
        reason = "cancelled"
        try:
            self._conversation.begin(wishes)
            self._log_start()
            reader = asyncio.create_task(self._read(watch))
            tasks.append(reader)
            ending = await self._ending
            await _stop(reader)
            # Nothing is read any more: silence says nothing of the client.
            watch.is_reading = False
            ended = await self._finish(ending)
            reason = ended.reason
            await self._hang_up(ended.close_code, writer)
        except BaseException:
            self._socket.abort()
            raise
        finally:
            # With everything told this does nothing.
            self._conversation.abandon(DiscardReason.OVERLOADED)
            timer.cancel()
            watch.stop()
            await _stop(*tasks)
            self._log_end(reason, time.monotonic() - started_s)
            self._conversation.forget()

    def _end(self, ending: Ending) -> None:
        if not self._ending.done():
            self._ending.set_result(ending)

    @property
    def _log_extra(self) -> dict[str, object]:
        return {"session_id": self.session_id}

    # --- in ----------------------------------------------------------------------------

    async def _read(self, watch: Watch) -> None:
        def take(message: bytes) -> bool:
            """Take audio straight from the socket, unless what follows it would have to wait."""
            if self._outbox.is_crowded or self._ending.done():
                return False
            # What came before is heard first, and tells whether the engine keeps up.
            if not self._conversation.is_gathering and self._is_behind:
                return False
            now_s = time.monotonic()
            if not self._pacer.take_at_once(now_s, len(message)):
                return False
            watch.message(now_s)
            try:
                self._take(message)
            except Exception as error:  # noqa: BLE001 - as below
                self._end_for(error)
            return True

        async def take_frame() -> None:
            watch.frame()
            # Who floods us with pings takes as much of its neighbours' time as with messages.
            await self._slow_down(self._pacer.take(time.monotonic()))

        try:
            # What is queued behind a session.close comes without a wait, and is not heard.
            while not self._ending.done():
                message = await self._socket.next_message(take_frame, take)
                now_s = time.monotonic()
                watch.message(now_s)
                self._take(message)
                pause_s = self._pacer.take(now_s, len(message))
                if pause_s or self._is_behind:
                    watch.is_reading = False
                    await self._make_room(pause_s)
                    watch.is_reading = True
        except Exception as error:  # noqa: BLE001 - it ends the session, and says so
            self._end_for(error)

    def _end_for(self, error: Exception) -> None:
        if isinstance(error, ClientGone):
            self._end(VANISHED)
        elif isinstance(error, IntoneError):
            self._end(because_of(error))
        else:
            log.error("session failed", exc_info=error, extra=self._log_extra)
            self._fail()

    def _fail(self) -> None:
        self._has_failed = True
        self._end(fault())

    def _end_idle(self) -> None:
        limit_s = self._limits.idle_timeout_s
        self._end(because_of(IdleTimeout(f"nothing came for {limit_s:g} s")))

    def _ping(self) -> None:
        self._pinging = asyncio.create_task(self._socket.beat())

    def _take(self, message: str | bytes) -> None:
        try:
            for command in self._codec.receive(message):
                if isinstance(command, bytes):
                    self._conversation.accept(command)
                elif isinstance(command, wire.SessionClose):
                    self._end(BY_CLIENT)
                else:
                    self._conversation.take(command)
        except IntoneError as error:
            if error.close_code is not None:
                raise
            self._conversation.refuse(error)

    @property
    def _is_behind(self) -> bool:
        return self._outbox.is_crowded or self._conversation.lag_ms > self._most_ms

    async def _make_room(self, pause_s: float) -> None:
        """Read no further while answers wait, or as much audio as a client may send at once.

        Nor for ``pause_s``, because too many messages came: each costs, however short, and takes
        its neighbours' time.

        Messages that are here already come without a pause, so that a client which reads
        well would fill the outbox before its writer had a turn.
        """
        await self._slow_down(pause_s)
        if self._outbox.is_crowded:
            await self._outbox.drain()
        while self._conversation.lag_ms > self._most_ms:
            await self._progress()

    async def _slow_down(self, pause_s: float) -> None:
        if pause_s:
            self._slowed.inc()
            await asyncio.sleep(pause_s)

    async def _progress(self) -> None:
        self._progressed.clear()
        await self._progressed.wait()

    # --- out ---------------------------------------------------------------------------

    def _say(self, message: wire.ServerMessage) -> None:
        try:
            text = self._codec.send(message)
            if text is not None:
                self._outbox.put(text)
        except Exception:  # a dialect's fault must not reach the engine's other sessions
            log.exception("session failed", extra=self._log_extra)
            self._fail()

    async def _write(self) -> None:
        try:
            await self._outbox.run()
            self._end(VANISHED)
        except Exception:
            log.exception("session failed", extra=self._log_extra)
            self._fail()

    def _give_up(self, error: SlowConsumer) -> None:
        """Make way for the error that says so, should the client begin to read after all."""
        self._outbox.clear()
        self._end(because_of(error))

    # --- the end -----------------------------------------------------------------------

    async def _finish(self, ending: Ending) -> Ending:
        """Tell what is left, and return how it ended after all: a fault may still come up."""
        if ending.error is not None:
            self._conversation.tell_error(ending.error)
        try:
            self._conversation.finish()
            await asyncio.wait_for(self._settle(), self._limits.drain_s)
        except asyncio.TimeoutError:
            self._conversation.abandon(DiscardReason.OVERLOADED)
        except Exception:
            log.exception("session failed", extra=self._log_extra)
            self._fail()
            self._conversation.abandon(DiscardReason.FAILED)
        if self._has_failed and ending.error is None:
            error = our_fault()
            ending = because_of(error)
            self._conversation.tell_error(error)
        self._conversation.closed(ending.reason)
        return ending

    async def _hang_up(self, close_code: int, writer: asyncio.Task[None]) -> None:
        limit_s = self._limits.send_timeout_s
        try:
            await asyncio.wait_for(self._outbox.drain(), limit_s)
            await _stop(writer)
            await asyncio.wait_for(self._socket.hang_up(close_code), limit_s)
        except asyncio.TimeoutError:
            self._socket.abort()

    async def _settle(self) -> None:
        while not self._conversation.is_settled:
            await self._progress()

    # --- the log -----------------------------------------------------------------------

    def _log_start(self) -> None:
        log.info(
            "session started",
            extra=self._log_extra
            | {"protocol": self._dialect.name}
            | self._conversation.config.as_logged
            | auth.as_logged(self._token_name),
        )

    def _log_end(self, reason: str, duration_s: float) -> None:
        conversation = self._conversation
        log.info(
            "session ended",
            extra=self._log_extra
            # Which may be another than at the start.
            | conversation.config.as_logged
            | {
                "reason": reason,
                "duration_s": round(duration_s, 3),
                "audio_ms": conversation.received_ms,
                "utterances": conversation.utterances,
                "interims": conversation.interims,
                "discarded": conversation.discarded,
            },
        )
