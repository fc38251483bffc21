"""Text or TOML values to the types of settings."""

from __future__ import annotations

import math
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def convert(value: object, type_hint: Any) -> object:
    """Return ``value`` as ``type_hint``: bool, int, float, str, Path, a tuple of str, or None.

    Text is what a flag or a variable holds (a tuple's items are parted by commas); anything
    else is TOML's own type, which must fit. Raises :class:`ValueError` whose text completes
    "must be …".
    """
    if get_origin(type_hint) in (Union, types.UnionType):
        return convert(value, next(arg for arg in get_args(type_hint) if arg is not type(None)))
    if get_origin(type_hint) is tuple:
        return _to_texts(value)
    return _CONVERTERS[type_hint](value)


def _to_texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError("a list of texts")


def _to_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _BOOLEANS:
        return _BOOLEANS[value.strip().lower()]
    raise ValueError("true or false")


def _to_int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    raise ValueError("a whole number")


def _to_float(value: object) -> float:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError("a number")


def _to_text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("a text")


def _to_path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    text = _to_text(value)
    if not text:
        raise ValueError("a path")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError("a path; the home folder it begins with is not known") from error


_CONVERTERS = {bool: _to_bool, int: _to_int, float: _to_float, str: _to_text, Path: _to_path}
