"""What aiohttp logs of requests that are no HTTP: a line, without the bytes it was sent."""

from __future__ import annotations

import logging
import traceback

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from intone.errors import BadRequest

_AIOHTTP = "aiohttp"
_SERVER = f"{_AIOHTTP}.server"


def watch_log() -> None:
    """Have all that aiohttp says of requests seen here, of those that are no HTTP at all, too."""
    logger = logging.getLogger(_SERVER)
    logger.addFilter(keep_bytes_out)
    # What is no HTTP from its first byte is said at this level alone. None of it is written.
    logger.setLevel(logging.DEBUG)


def keep_bytes_out(record: logging.LogRecord) -> bool:
    """Log filter: aiohttp quotes the header or the piece of body at fault, with a traceback.

    A token or audio may be in it, and a peer's fault is no error of ours.
    """
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError | RequestPayloadError):
        return _is_written(record.levelno)
    is_written = _is_written(min(record.levelno, logging.INFO))
    record.levelno, record.levelname = logging.INFO, "INFO"
    record.msg, record.args = "request refused", ()
    record.exc_info = record.exc_text = None
    vars(record).update(code=BadRequest.code, fault=type(error).__name__)
    _let_go(error)
    return is_written


def _is_written(level: int) -> bool:
    return logging.getLogger(_AIOHTTP).isEnabledFor(level)


def _let_go(error: BaseException) -> None:
    """Let go of what was read, which the frames of a parse error hold, and it holds them.

    Such a cycle is collected when nobody speaks, or never; each may have quoted megabytes.
    """
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link.__traceback__ = None
        before = link.__cause__ or link.__context__
        link.__cause__ = link.__context__ = None
        link = before
