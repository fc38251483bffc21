"""``intone-bench``: what a server carries, and what it costs beside other pipelines."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click

from intone_bench.cli.compare import compare_command
from intone_bench.cli.load import load
from intone_bench.cli.neighbours import neighbours


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Measure intone under load, and beside its peers."""


for _command in (load, compare_command, neighbours):
    commands.add_command(_command)


def main() -> None:
    """Run the command line and exit; a command may return an exit code."""
    signal.signal(signal.SIGTERM, _end)
    try:
        code = commands.main(prog_name="intone-bench", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)  # what a shell expects after Ctrl-C
    sys.exit(code if isinstance(code, int) else 0)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """End in good order: servers are stopped, and what lies in temporary folders goes."""
    sys.exit(128 + number)
