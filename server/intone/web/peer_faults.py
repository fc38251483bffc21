"""What aiohttp logs of requests that are no HTTP: a line, without the bytes it was sent."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from intone.errors import BadRequest

AIOHTTP_LOGGER = "aiohttp.server"


def keep_bytes_out(record: logging.LogRecord) -> bool:
    """Log filter: aiohttp quotes the header or the piece of body at fault, with a traceback.

    A token or audio may be in it, and a peer's fault is no error of ours.
    """
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError | RequestPayloadError):
        return True
    record.levelno, record.levelname = logging.INFO, "INFO"
    record.msg, record.args = "request refused", ()
    record.exc_info = record.exc_text = None
    vars(record).update(code=BadRequest.code, fault=type(error).__name__)
    return logging.getLogger(AIOHTTP_LOGGER).isEnabledFor(logging.INFO)
