"""Where settings come from: flags over ``INTONE_*`` variables over a TOML file.

Every name derives from a field of :class:`intone.settings.ServerSettings`: the field
``hangover_ms`` of its ``endpointer`` is ``endpointer.hangover_ms`` for ``--set``,
``INTONE_ENDPOINTER_HANGOVER_MS`` in the environment and ``[endpointer] hangover_ms`` in the
file. A name nobody knows is refused, wherever it stands: a typo must not go unnoticed.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from intone.conversion import convert
from intone.errors import SettingsError
from intone.settings import ServerSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PREFIX = "INTONE_"
CONFIG_VARIABLE = "INTONE_CONFIG"
CLIENT_TOKEN_VARIABLE = "INTONE_CLIENT_TOKEN"  # noqa: S105 - a variable's name, not a token
_OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, CLIENT_TOKEN_VARIABLE, "INTONE_CORPORA"})
"""What the environment may hold besides settings: where they are, and what is the client's and
the tests'."""

_SERVICE = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://")
"""Kubernetes tells every container the addresses of services so, also of one that is called
``intone``: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""

_FLAGS = {
    "tokens": "--token",
    "models": "--model",
    "session.model": "--model",
    "allowed_origins": "--allowed-origin",
}
"""Flags that are not their setting's name: those that are repeated stand for one item."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the server, by its dotted path from :class:`ServerSettings`."""

    path: str
    type_hint: Any
    is_secret: bool = False

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.path.replace(".", "_").upper()


TOKEN_FILE = Setting("token_file", Path)
"""Not a field: its lines are read into ``tokens``, so that a secret can stay in a file."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value somebody gave, and where."""

    value: Any
    source: str


_Layer = dict[str, _Given]


def _walk(cls: type, prefix: str = "") -> Iterable[Setting]:
    hints = get_type_hints(cls)
    for field in fields(cls):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield from _walk(hint, f"{prefix}{field.name}.")  # type: ignore[arg-type]
        else:
            yield Setting(prefix + field.name, hint, is_secret=not field.repr)


@cache
def all_settings() -> Mapping[str, Setting]:
    """Every setting by its dotted path, in the order of the dataclasses."""
    found = {setting.path: setting for setting in _walk(ServerSettings)}
    return {**found, TOKEN_FILE.path: TOKEN_FILE}


def load_settings(
    flags: Mapping[str, object],
    assignments: Sequence[str] = (),
    *,
    environ: Mapping[str, str],
    config_file: Path | None = None,
) -> ServerSettings:
    """Build the server's settings.

    ``flags`` are command-line values by dotted path, None where not given; ``assignments``
    are ``path=value`` texts. ``config_file`` wins over ``INTONE_CONFIG``. Raises
    :class:`SettingsError`, naming the flag, variable or file and key at fault.
    """
    named = environ.get(CONFIG_VARIABLE)
    file = config_file or (Path(named) if named else None)
    layers = [
        _from_file(file) if file else {},
        _from_environment(environ),
        _from_command_line(flags, assignments),
    ]
    given: _Layer = {}
    for layer in layers:
        given |= _with_token_file(layer)
    return _build(ServerSettings, "", given)


# --- the three layers -----------------------------------------------------------------


def _from_command_line(flags: Mapping[str, object], assignments: Sequence[str]) -> _Layer:
    layer: _Layer = {}
    for path, value in flags.items():
        if value not in (None, ()):
            flag = _FLAGS.get(path, "--" + path.replace("_", "-"))
            layer[path] = _Given(convert(value, all_settings()[path].type_hint), flag)
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        path = path.strip()
        if not equals:
            raise SettingsError("--set takes NAME=VALUE: an equals sign is missing")
        if path in layer:
            raise SettingsError(f"{path} is given twice: by {layer[path].source} and --set {path}")
        setting = _known(path, f"--set {path}", all_settings())
        layer[path] = _convert(setting, text.strip(), f"--set {path}")
    return layer


def _from_environment(environ: Mapping[str, str]) -> _Layer:
    known = {setting.variable: setting for setting in all_settings().values()}
    layer: _Layer = {}
    for name in sorted(environ):
        if name.startswith(PREFIX) and not _is_anothers(name, environ[name]):
            setting = _known(name, f"environment variable {name}", known)
            layer[setting.path] = _convert(setting, environ[name], name)
    return layer


def _is_anothers(name: str, value: str) -> bool:
    if name in _OTHER_VARIABLES:
        return True
    # A name that ends so may be a setting's: it is by its value that it is a service's.
    is_address = name.endswith("PORT") and _SERVICE_ADDRESS.match(value) is not None
    return is_address or _SERVICE.fullmatch(name) is not None


def _from_file(file: Path) -> _Layer:
    try:
        with file.open("rb") as opened:
            table = tomllib.load(opened)
    except OSError as error:
        raise SettingsError(f"cannot read settings file {file}: {error.strerror}") from error
    except ValueError as error:
        # Also of what is no UTF-8, or a number of more digits than Python reads.
        raise SettingsError(f"settings file {file} is not TOML: {error}") from error
    layer: _Layer = {}
    for path, value in _flatten(table):
        setting = _known(path, f"{file}: {path}", all_settings())
        given = _convert(setting, value, f"{file}: {path}")
        if isinstance(given.value, Path):
            # A file's paths are relative to the file, wherever the server is started.
            given = _Given(file.parent / given.value, given.source)
        layer[path] = given
    return layer


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _known(name: str, source: str, known: Mapping[str, Setting]) -> Setting:
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise SettingsError(f"{source} is not a setting{hint}")


def _convert(setting: Setting, value: object, source: str) -> _Given:
    try:
        converted = convert(value, setting.type_hint)
    except ValueError as error:
        shown = "(hidden)" if setting.is_secret else repr(value)
        raise SettingsError(f"{source} must be {error}, not {shown}") from None
    if setting.is_secret and isinstance(value, str) and not converted:
        # As of a variable that another one fills: without a token the door would be open.
        raise SettingsError(f"{source} is set but empty: unset it, or give it a token")
    return _Given(converted, source)


def _with_token_file(layer: _Layer) -> _Layer:
    """Read a layer's token file into that layer's tokens."""
    given = layer.pop(TOKEN_FILE.path, None)
    if given is None:
        return layer
    tokens = read_tokens(given.value, given.source)
    others = layer["tokens"].value if "tokens" in layer else ()
    return {**layer, "tokens": _Given((*others, *tokens), given.source)}


def read_tokens(file: Path, source: str) -> tuple[str, ...]:
    """Return the lines of ``file``, but for blank ones and comments; errors name ``source``."""
    try:
        # Some editors begin a file with a mark.
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise SettingsError(f"{source}: cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{source}: {file} is not UTF-8 text") from None
    except ValueError as error:
        raise SettingsError(f"{source}: no file has such a name: {error}") from error
    told = (line.strip() for line in lines)
    tokens = tuple(line for line in told if line and not line.startswith("#"))
    if not tokens:
        raise SettingsError(f"{source}: {file} holds no token")
    return tokens


# --- the build ------------------------------------------------------------------------


def _build(cls: type[_T], prefix: str, given: _Layer) -> _T:
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, hint in hints.items():
        if is_dataclass(hint):
            values[name] = _build(hint, f"{prefix}{name}.", given)  # type: ignore[arg-type]
        elif prefix + name in given:
            values[name] = given[prefix + name].value
    try:
        return cls(**values)
    except SettingsError as error:
        raise SettingsError(f"{error}{_sources(str(error), prefix, given)}") from None


def _sources(sentence: str, prefix: str, given: _Layer) -> str:
    """Say where the settings named in a refusal come from."""
    named = [
        given[path].source
        for path in given
        if path.startswith(prefix) and re.search(rf"\b{path[len(prefix) :]}\b", sentence)
    ]
    return f" (given by {', '.join(named)})" if named else ""
