"""The sockets to listen on, and why one cannot be had, in a sentence."""

from __future__ import annotations

import errno
import os
import socket

from intone.errors import AddressInUse, IntoneError, SettingsError


def bind(host: str, port: int) -> list[socket.socket]:
    """Return a bound socket for each address of ``host``, all on one port; 0 takes a free one.

    Raises :class:`AddressInUse` and :class:`SettingsError`.
    """
    sockets: list[socket.socket] = []
    try:
        # A name may be listed twice with the same address: once is enough.
        for family, address in dict.fromkeys(_addresses(host)):
            bound = socket.create_server((address, port), family=family)
            port = bound.getsockname()[1]
            sockets.append(bound)
    except (OSError, UnicodeError) as error:
        for bound in sockets:
            bound.close()
        raise refusal(error, host, port) from error
    return sockets


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, str(address[0])) for family, _, _, _, address in found]


def refusal(error: OSError | UnicodeError, host: str, port: int) -> IntoneError:
    """Return why ``host:port`` cannot be listened on."""
    where = f"{host}:{port}"
    if isinstance(error, UnicodeError):
        return SettingsError(f"cannot listen on {where}: this is no name of a host")
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(
            f"{where} is in use: another server listens there; choose another with --port"
        )
    # A name that does not resolve has an errno of its own family.
    is_unresolved = isinstance(error, socket.gaierror)
    why = os.strerror(error.errno) if error.errno and not is_unresolved else str(error)
    return SettingsError(f"cannot listen on {where}: {why}")


def url(address: tuple[str, int]) -> str:
    """Return what to open in a browser."""
    host, port = address
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
