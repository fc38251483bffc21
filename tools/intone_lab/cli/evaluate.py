"""``intone-lab evaluate``: everything that can be measured of a model, as a report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intone.errors import IntoneError
from intone_lab.catalogue import CorpusError
from intone_lab.cli.data import FOLDER, check_backend, check_writable, table_option, usable_clips

if TYPE_CHECKING:
    from intone.models import Model
    from intone_lab.benchmark import Speed
    from intone_lab.conditions import Condition
    from intone_lab.corpora import Clip
    from intone_lab.run_record import Run
    from intone_lab.study import Study


def _condition(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> list[Condition]:
    from intone_lab.conditions import CLEAN, CONDITIONS

    unknown = [name for name in names if name not in CONDITIONS]
    if unknown:
        known = ", ".join(CONDITIONS)
        raise click.BadParameter(f"no condition {unknown[0]!r}; there are: {known}")
    # Clean speech is what the others are held against.
    chosen = [CLEAN.name, *names] if names else list(CONDITIONS)
    return [CONDITIONS[name] for name in dict.fromkeys(chosen)]


@click.command()
@click.argument(
    "folder", metavar="MODEL", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--corpora",
    "root",
    type=FOLDER,
    envvar="INTONE_CORPORA",
    help="Folder of the corpora, as published.  [env: INTONE_CORPORA]",
)
@table_option
@click.option(
    "--runs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where `train` kept the run that made MODEL: its folds are measured by speaker.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the report goes.  [default: evaluation/NAME]",
)
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    callback=_condition,
    help="Besides clean: telephone, 'white 10 dB', 'babble 5 dB', …; repeatable.  [default: all]",
)
@click.option(
    "--python",
    "pythons",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Another interpreter with intone, to time its runtime too; repeatable.",
)
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(min=1), help="Processes.")
def evaluate(
    folder: Path,
    root: Path | None,
    tables: tuple[Path, ...],
    runs: Path | None,
    out: Path | None,
    conditions: list[Condition],
    pythons: tuple[Path, ...],
    jobs: int,
) -> None:
    """Measure MODEL, a folder such as models/gru, and write report.md, report.json and pictures.

    With --runs the folds of the run that made it are measured on the voices that each never
    heard; the shipped file itself only on speakers that it was not trained on.
    """
    from intone.core.recogniser import try_out
    from intone.models import load_model
    from intone_lab.report.numbers import numbers
    from intone_lab.report.write import REPORT_FILE, write_report
    from intone_lab.run_record import find_run

    # A folder given as "." or with a slash behind has no name to hold against the card's.
    folder = folder.resolve()
    try:
        model = load_model(folder)
        try_out(model.new_recogniser())
    except IntoneError as error:
        raise click.ClickException(str(error)) from error
    out = out or Path("evaluation") / model.card.name
    check_writable(out, *([runs] if runs is not None else []))
    check_backend()
    clips = usable_clips(root, tables, runs)
    run = find_run(runs, model.card.sha256, clips) if runs is not None else None
    if runs is not None and run is None:
        raise click.ClickException(f"no run under {runs} made {model.card.file} of {folder}")
    study = _listen(model, run, clips, runs, conditions, jobs)
    speeds, not_timed = _time(model, run, pythons)
    write_report(out, numbers(study, speeds, not_timed), _settings(run))
    click.echo(f"{out / REPORT_FILE} is written")


def _listen(
    model: Model,
    run: Run | None,
    clips: Sequence[Clip],
    runs: Path | None,
    conditions: Sequence[Condition],
    jobs: int,
) -> Study:
    from intone_lab import measuring
    from intone_lab.listening import listener
    from intone_lab.study import Study

    try:
        unheard = measuring.strangers(clips, model, run)
    except CorpusError as error:
        raise click.ClickException(str(error)) from error
    if run is None and not unheard:
        raise click.ClickException(
            "every corpus there was trained on: give --runs, or speakers it never heard"
        )
    cache = runs / "listened" if runs is not None else None
    with listener(clips, cache, jobs) as ear:
        parts = measuring.measure_run(run, model, ear, conditions) if run is not None else []
        parts += measuring.measure_strangers(model, unheard, ear, conditions)
    return Study(
        card=model.card,
        size_bytes=len(model.content),
        parts=tuple(parts),
        stream_gap=measuring.kept_gap(run) if run is not None else None,
        missing=run.missing if run is not None else 0,
    )


def _time(model: Model, run: Run | None, pythons: Sequence[Path]) -> tuple[list[Speed], list[str]]:
    from intone_lab.benchmark import NotTimed, benchmark_elsewhere
    from intone_lab.run_record import FINAL, Weights

    float_file = run.export_path(FINAL, Weights.FLOAT32) if run is not None else None
    speeds: list[Speed] = []
    not_timed = []
    for python in (Path(sys.executable), *pythons):
        click.echo(f"timing on {python}")
        try:
            speeds += benchmark_elsewhere(python, model.folder, float_file)
        except NotTimed as error:
            not_timed.append(str(error))
    return speeds, not_timed


def _settings(run: Run | None) -> str:
    path = run.folder / "settings.json" if run is not None else None
    return path.read_text(encoding="utf-8") if path is not None and path.exists() else ""
