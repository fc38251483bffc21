"""``intone serve | stream | analyze | models``.

What a command needs is imported inside it: ``intone --help`` should not wait for scipy.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from intone import __version__
from intone.cli.exit_codes import FAILED, INTERRUPTED, WRONG_USE
from intone.cli.output import FORMATS
from intone.errors import IntoneError, SettingsError
from intone.native_output import part_stderr

if TYPE_CHECKING:
    from intone.settings import ServerSettings

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What writing fails of."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def main() -> None:
    """Run the command line and exit; an expected error is one sentence, never a traceback."""
    _open_what_is_closed()
    part_stderr()
    _write_any_character()
    sys.exit(run(sys.argv[1:]))


def _open_what_is_closed() -> None:
    """Let nothing else take the place of a standard stream that a shell closed (``2>&-``)."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        if getattr(sys, name) is None:
            # Not by its number: a library that was loaded since may have taken that place.
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, "w" if number else "r"))


def _write_any_character() -> None:
    """Let no name of a file end a command: what the output's encoding lacks is escaped."""
    codecs.register_error("intone.json", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="intone.json")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """As JSON has it, so that JSON lines stay JSON in any encoding."""
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    try:
        code = commands.main(list(arguments), prog_name="intone", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left (``| head``); the interpreter must not flush into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        # What reads files and sockets says its own sentence: this is our output, on a full disk,
        # or something that nobody foresaw.
        doing = "cannot write: " if error.errno in _FULL else ""
        click.echo(f"intone: error: {doing}{error.strerror or error}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except IntoneError as error:
        report(error)
        return WRONG_USE if isinstance(error, SettingsError) else FAILED
    return code if isinstance(code, int) else 0


def report(error: IntoneError) -> None:
    """Print an error and its code on standard error."""
    click.echo(f"intone: error ({error.code}): {error}", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="intone", message="%(prog)s %(version)s")
def commands() -> None:
    """Hear live speech; say which emotion and which gender it hears."""


# --- options that several commands share ----------------------------------------------


def _configured(command: _Command) -> _Command:
    for option in (
        click.option("--models-dir", type=click.Path(path_type=Path), help="More model folders."),
        click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE",
                     help="Any setting by its dotted name, e.g. endpointer.hangover_ms=600."),
        click.option("--config", "config_file", type=click.Path(path_type=Path), metavar="FILE",
                     help="TOML file of settings (else INTONE_CONFIG)."),
    ):  # fmt: skip
        command = option(command)
    return command


def _printing(command: _Command) -> _Command:
    return click.option(
        "--format", "format_name", type=click.Choice(FORMATS), default="table", show_default=True,
        help="How results are printed.",
    )(command)  # fmt: skip


def _settings(
    flags: dict[str, object], assignments: Sequence[str], config_file: Path | None
) -> ServerSettings:
    from intone.configuration import load_settings

    return load_settings(flags, assignments, environ=os.environ, config_file=config_file)


def _settings_of_no_server(
    flags: dict[str, object], assignments: Sequence[str], config_file: Path | None
) -> ServerSettings:
    """Read the settings of a server, whose address nobody listens on here: it needs no token."""
    is_said = any(given.partition("=")[0].strip() == "allow_open" for given in assignments)
    needless = {} if is_said else {"allow_open": True}
    return _settings({**flags, **needless}, assignments, config_file)


# --- commands -------------------------------------------------------------------------


@commands.command()
@click.option("--host", help="Address to listen on; beyond loopback it needs a token. [127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one. [8765]")
@click.option("--workers", type=int, help="Processes that serve, each on a core of its own. [1]")
@click.option("--token", "tokens", multiple=True, help="Accept this bearer token; repeatable.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Accept its lines as tokens.")
@click.option(
    "--allow-open/--no-allow-open",
    default=None,
    help="Listen beyond loopback without a token: only behind something that keeps the door.",
)
@click.option(
    "--allowed-origin",
    "allowed_origins",
    multiple=True,
    help="Origin of a page that may connect; repeatable.",
)
@click.option("--model", "models", multiple=True, help="Load only this model; repeatable. [all]")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="[text]")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="[info]"
)
@_configured
def serve(assignments: tuple[str, ...], config_file: Path | None, **flags: Any) -> None:
    """Serve until SIGTERM or Ctrl-C.

    With more than one worker, SIGHUP reads the settings and models anew.
    Flags win over INTONE_* variables, which win over the file; docs/settings.md has them all.
    """
    from intone.logs import set_up_logging
    from intone.web.core_dumps import leave_none
    from intone.web.shared_metrics import FOLDER_VARIABLE

    settings = _settings(flags, assignments, config_file)
    leave_none()
    if settings.workers > 1:
        _serve_many(settings, lambda: _settings(flags, assignments, config_file))
        return
    # Of a surrounding program's workers: this one counts in its own memory.
    os.environ.pop(FOLDER_VARIABLE, None)
    from intone.web.serve import run as run_server  # after a refusal that needs no server

    set_up_logging(settings.log_format, settings.log_level)
    run_server(settings)


def _serve_many(settings: ServerSettings, reload: Callable[[], ServerSettings]) -> None:
    from intone.web.shared_metrics import shared_metrics

    # Its folder must be there when prometheus_client is imported.
    with shared_metrics():
        try:
            from intone.web.workers import run as run_workers
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"workers: more than 1 needs gunicorn, which cannot be imported here: {error}"
            ) from error
        run_workers(settings, reload)


@commands.command()
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--model", help="Model to hear with. [gru]")
@_printing
@_configured
def analyze(
    *,
    files: tuple[str, ...],
    model: str | None,
    format_name: str,
    models_dir: Path | None,
    assignments: tuple[str, ...],
    config_file: Path | None,
) -> int:
    """Analyse sound FILES in this process, without a server.

    The channels of a stereo file are two speakers. A file that cannot be read is reported
    and the others go on; the exit code is then 1.
    """
    from intone.cli.analyze import analyze_files

    flags: dict[str, object] = {"models_dir": models_dir, "session.model": model}
    settings = _settings_of_no_server(flags, assignments, config_file)
    return analyze_files(files, settings, format_name, report)


@commands.command()
@click.argument("file", type=click.Path())
@click.option("--url", default="ws://127.0.0.1:8765", show_default=True, help="The server.")
@click.option(
    "--realtime", is_flag=True, help="Send at the speed of speech, not as fast as may be."
)
@click.option("--model", help="Model to ask for. [the server's]")
@click.option("--interims", is_flag=True, help="Print the answers while an utterance runs, too.")
@click.option("--token", envvar="INTONE_CLIENT_TOKEN", help="Bearer token; or INTONE_CLIENT_TOKEN.")
@_printing
def stream(
    *,
    file: str,
    url: str,
    model: str | None,
    token: str | None,
    format_name: str,
    realtime: bool,
    interims: bool,
) -> int:
    """Stream a sound FILE to a server and print what it answers."""
    from intone.cli.stream import StreamRequest, stream_file

    request = StreamRequest(
        file=file,
        url=url,
        model=model,
        token=token,
        is_realtime=realtime,
        with_interims=interims,
        format_name=format_name,
    )
    return stream_file(request, report)


@commands.command()
@_configured
def models(models_dir: Path | None, assignments: tuple[str, ...], config_file: Path | None) -> None:
    """List the models: what they tell apart, how well, and under which licence."""
    from intone.cli.analyze import print_models

    flags: dict[str, object] = {"models_dir": models_dir}
    print_models(_settings_of_no_server(flags, assignments, config_file))
