"""``intone-lab corpora``: what recorded speech there is, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intone_lab.cli.bar import can_be_drawn
from intone_lab.cli.data import FOLDER, find, table_option

if TYPE_CHECKING:
    from rich.console import Console

    from intone_lab.census import Census
    from intone_lab.health import Finding

SHOWN = 5
"""Files shown of a kind of finding, unless ``--all`` asks for each."""


@click.command()
@click.argument("root", required=False, type=FOLDER)
@table_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@click.option("--all", "show_all", is_flag=True, help=f"Every finding, not {SHOWN} of a kind.")
@click.option("--strict", is_flag=True, help="Exit with 1 if anything is found wrong.")
def corpora(
    root: Path | None, tables: tuple[Path, ...], as_json: bool, show_all: bool, strict: bool
) -> None:
    """Show the corpora under ROOT and your own tables: counts, hours, and what is wrong."""
    survey = find(root, tables)
    # After the quick refusals: numpy and rich take a moment.
    from rich.console import Console
    from rich.progress import track

    from intone_lab.census import count
    from intone_lab.health import examine

    health = examine(
        survey,
        lambda results, total: track(
            results,
            "listening",
            total,
            console=Console(stderr=True),
            transient=True,
            disable=not can_be_drawn(),
        ),
    )
    counted = count(survey.clips, health.sounds)
    if as_json:
        click.echo(json.dumps(_as_json(counted, health.findings), indent=2))
    else:
        # Wide enough for the table where there is no terminal to ask.
        console = Console(width=None if sys.stdout.isatty() else 140)
        _show(console, counted, health.findings, None if show_all else SHOWN)
    if strict and health.findings:
        raise click.exceptions.Exit(1)


def _show(
    console: Console, counted: Sequence[Census], findings: Sequence[Finding], limit: int | None
) -> None:
    from rich.table import Table

    table = Table("corpus", "clips", "speakers", "hours", "Hz", "clips by emotion")
    for census in counted:
        table.add_row(
            census.name,
            str(census.clips),
            _counts(census.speakers),
            f"{census.duration_s / 3_600:.2f}",
            _rates(census),
            _counts(census.emotions),
        )
    console.print(table)
    for problem, group in groupby(findings, key=lambda finding: finding.problem):
        found = list(group)
        console.print(f"{problem.value}: {len(found)}", style="bold", markup=False)
        for finding in found[:limit]:
            console.print(f"  {_line(finding)}", markup=False, highlight=False, soft_wrap=True)
        if limit is not None and len(found) > limit:
            console.print(f"  … and {len(found) - limit} more (--all shows them)")
    console.print(_summary(counted, findings), markup=False, highlight=False)


def _line(finding: Finding) -> str:
    # What cannot be read names its file already.
    named = str(finding.paths[0]) in finding.detail
    line = finding.detail if named else f"{finding.paths[0]}: {finding.detail}"
    # A file's name may be no text.
    return line.encode("utf-8", "backslashreplace").decode()


def _counts(counts: Any) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _rates(census: Census) -> str:
    if len(census.rates_hz) == 1:
        return str(next(iter(census.rates_hz)))
    return ", ".join(f"{rate_hz} ({count})" for rate_hz, count in census.rates_hz.items())


def _summary(counted: Sequence[Census], findings: Sequence[Finding]) -> str:
    clips = sum(census.clips for census in counted)
    hours = sum(census.duration_s for census in counted) / 3_600
    kinds = groupby(findings, key=lambda finding: finding.problem.name.lower())
    said = ", ".join(f"{len(list(group))} {kind}" for kind, group in kinds)
    corpora_found = "1 corpus" if len(counted) == 1 else f"{len(counted)} corpora"
    return f"{clips} clips of {corpora_found}, {hours:.2f} hours; findings: {said or 'none'}"


def _as_json(counted: Sequence[Census], findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "corpora": [
            {
                "name": census.name,
                "title": census.title,
                "licence": census.licence,
                "clips": census.clips,
                "speakers": dict(census.speakers),
                "emotions": dict(census.emotions),
                "hours": round(census.duration_s / 3_600, 4),
                "sample_rates_hz": {str(rate): n for rate, n in census.rates_hz.items()},
            }
            for census in counted
        ],
        "findings": [
            {
                "problem": finding.problem.name.lower(),
                "paths": [str(path) for path in finding.paths],
                "detail": finding.detail,
            }
            for finding in findings
        ],
    }
