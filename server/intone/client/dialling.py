"""From an address to a session: once, or as often as the policy allows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from intone.client.events import ServerError, SessionCreated
from intone.client.messages import decode
from intone.client.reconnect import Backoff, ReconnectPolicy
from intone.client.transport import (
    OPEN_TIMEOUT_S,
    Connection,
    ConnectionLost,
    Refused,
    open_connection,
)
from intone.client.within import within
from intone.errors import InvalidMessage, ServerUnavailable

Announce = Callable[[str, int, float], None]
"""Told before each wait: why, the number of the try that follows, and in how many seconds."""

_LONGEST_RETRY_AFTER_S = 60.0
"""A server that asks for more is asked again all the same."""

_log = logging.getLogger("intone.client")


def log_try(reason: str, tries: int, delay_s: float) -> None:
    """Log that a try follows: before the first connection there is nobody to send events to."""
    _log.warning("%s; try %d follows in %.1f s", reason, tries, delay_s)


@dataclass(frozen=True, slots=True)
class Dialled:
    """A connection on which the server has opened a session."""

    connection: Connection
    session: SessionCreated


class Dialler:
    """Opens sessions at one address."""

    def __init__(self, url: str, token: str | None, policy: ReconnectPolicy | None) -> None:
        self._url = url
        self._token = token
        self._is_persistent = policy is not None
        self.backoff = Backoff(policy or ReconnectPolicy())

    async def dial(self, announce: Announce, cause: str | None = None) -> Dialled:
        """Open a session; ``cause`` says why a connection was lost, so that a wait comes first.

        Raises what stood against it once the policy, if there is one, has had its tries.
        """
        after_s = 0.0
        failure = ServerUnavailable(f"gave up after {cause}")
        while True:
            if cause is not None:
                delay_s = self.backoff.next_delay_s()
                if delay_s is None:
                    raise failure
                delay_s = max(delay_s, min(after_s, _LONGEST_RETRY_AFTER_S))
                announce(cause, self.backoff.tries, delay_s)
                await asyncio.sleep(delay_s)
            try:
                return await self._dial_once()
            except Refused as refused:
                if not (self._is_persistent and refused.is_retryable):
                    raise refused.error from refused
                failure = ServerUnavailable(f"gave up: {refused}")
                cause, after_s = str(refused), refused.retry_after_s

    async def _dial_once(self) -> Dialled:
        connection = await open_connection(self._url, self._token)
        try:
            session = await within(OPEN_TIMEOUT_S, _await_session(connection))
        except BaseException as error:
            await connection.close()
            if isinstance(error, asyncio.TimeoutError):
                late = ServerUnavailable("the server did not open a session")
                raise Refused(late, is_retryable=True) from error
            raise
        return Dialled(connection, session)


async def _await_session(connection: Connection) -> SessionCreated:
    """Return the session; an error before it says that it is not the one asked for."""
    try:
        # Not what a later version may say first.
        while (event := decode(await connection.receive())) is None:
            pass
    except ConnectionLost as lost:
        raise Refused(ServerUnavailable(str(lost)), is_retryable=True) from lost
    if isinstance(event, ServerError):
        raise Refused(event.as_exception(), is_retryable=event.retryable)
    if isinstance(event, SessionCreated):
        return event
    raise InvalidMessage("the server did not begin with session.created: is it intone?")
