"""Logs as text and as JSON lines."""

from __future__ import annotations

import io
import json
import logging
import os
import re

import pytest

from intone.logs import set_up_logging


@pytest.fixture
def log_to():
    """Set up logging into a text; what pytest had set up comes back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def set_up(log_format: str, log_level: str = "info", **options: bool) -> io.StringIO:
        stream = io.StringIO()
        set_up_logging(log_format, log_level, stream, **options)
        return stream

    yield set_up
    root.handlers[:] = handlers
    root.setLevel(level)


def test_text_is_time_level_logger_message_and_extras(log_to):
    stream = log_to("text")
    logging.getLogger("intone.web").info("session closed", extra={"session_id": "a1", "n": 3})
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO intone\.web: session closed "
    assert re.fullmatch(pattern + "session_id=a1 n=3\n", stream.getvalue())


def test_of_several_processes_each_says_which_it_is(log_to):
    stream = log_to("text", shows_pid=True)
    logging.getLogger("intone.web").info("session closed")
    assert f" INFO intone.web[{os.getpid()}]: session closed" in stream.getvalue()
    stream = log_to("json", shows_pid=True)
    logging.getLogger("intone.web").info("session closed")
    assert json.loads(stream.getvalue())["pid"] == os.getpid()


def test_a_message_cannot_forge_a_line_of_text(log_to):
    stream = log_to("text")
    logging.getLogger("intone").info("from %s", "x\n2026 INFO root: all well\x1b[2J")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_json_is_one_object_a_line(log_to):
    stream = log_to("json")
    logger = logging.getLogger("intone.web")
    logger.info("two\nlines", extra={"session_id": "a1", "path": io})
    try:
        int("broken")
    except ValueError:
        logger.exception("failed")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["message"] == "two\nlines"
    assert first["level"] == "info"
    assert first["logger"] == "intone.web"
    assert first["session_id"] == "a1"
    assert "ValueError: invalid literal" in second["exception"]


def test_the_level_is_kept_and_setting_up_again_does_not_double_lines(log_to):
    log_to("text")
    stream = log_to("text", "warning")
    logging.getLogger("intone").info("quiet")
    logging.getLogger("intone").warning("loud")
    assert stream.getvalue().count("\n") == 1
    assert "loud" in stream.getvalue()
