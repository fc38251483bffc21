"""Logging set-up: text for people, JSON lines for machines; standard library only.

What a log call passes as ``extra`` is written too: as ``name=value`` behind the text, or as
fields of the JSON object.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import TextIO

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, tz=timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _one_line(text: str) -> str:
    """Escape what would start a new line: a peer's text must not forge a log entry."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class TextFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.000Z INFO intone.web: session closed session_id=…``.

    With ``shows_pid`` the process stands behind the logger: ``intone.web[4711]:``.
    """

    def __init__(self, *, shows_pid: bool = False) -> None:
        super().__init__()
        self._shows_pid = shows_pid

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and a traceback's lines below it."""
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        message = _one_line(record.getMessage() + extra)
        pid = f"[{record.process}]" if self._shows_pid else ""
        line = f"{_time(record)} {record.levelname} {record.name}{pid}: {message}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then what came as ``extra``.

    With ``shows_pid`` the process is its ``pid``.
    """

    def __init__(self, *, shows_pid: bool = False) -> None:
        super().__init__()
        self._shows_pid = shows_pid

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            **({"pid": record.process} if self._shows_pid else {}),
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def set_up_logging(
    log_format: str, log_level: str, stream: TextIO | None = None, *, shows_pid: bool = False
) -> None:
    """Send the root logger's records to ``stream`` (standard error), replacing what was set up.

    ``log_format`` is text or json, ``log_level`` a level's name; ``shows_pid`` tells of several
    processes which one speaks.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    formatter = JsonFormatter if log_format == "json" else TextFormatter
    handler.setFormatter(formatter(shows_pid=shows_pid))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(log_level.upper())
