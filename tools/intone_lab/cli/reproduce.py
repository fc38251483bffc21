"""``intone-lab reproduce``: a published project as its authors ran it, and by speaker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from intone_lab.cli.data import check_backend, check_writable, seed_option
from intone_lab.protocols.catalogue import PROTOCOLS
from intone_lab.protocols.protocol import Protocol


@click.command()
@click.argument("name", required=False, type=click.Choice(list(PROTOCOLS)))
@click.option(
    "--corpora",
    "root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the corpora, as published.",
)
@click.option(
    "--runs",
    default="runs",
    type=click.Path(file_okay=False, path_type=Path),
    show_default=True,
    help="Where features, weights and reports are kept, so that a stopped run goes on.",
)
@seed_option("Decides splits, weights and batches.")
@click.option("--epochs", type=click.IntRange(min=1), help="Fewer for a trial run.")
@click.option(
    "--jobs", default=2, show_default=True, type=click.IntRange(min=1), help="Networks at a time."
)
@click.option(
    "--teacher/--no-teacher",
    "has_teacher",
    default=True,
    show_default=True,
    help="Fetch what a protocol's networks learn from (28 MB), or run a trial without.",
)
@click.option("--table", is_flag=True, help="Print every protocol that was run as one table.")
def reproduce(
    name: str | None,
    root: Path | None,
    runs: Path,
    seed: int,
    epochs: int | None,
    jobs: int,
    has_teacher: bool,
    table: bool,
) -> None:
    """Run the published protocol NAME on its random split and by speaker.

    Writes RUNS/reproduce/NAME/report.md, its pictures and result.json.
    """
    if table:
        if name is not None:
            raise click.UsageError("--table is of every protocol: give no NAME")
        _print_table(runs)
        return
    if name is None or root is None:
        raise click.UsageError("give NAME and --corpora, or --table")
    _run(PROTOCOLS[name], _as_run(PROTOCOLS[name], epochs, has_teacher), root, runs, seed, jobs)


def _as_run(protocol: Protocol, epochs: int | None, has_teacher: bool) -> Protocol:
    recipe = replace(protocol.recipe, epochs=epochs or protocol.recipe.epochs)
    if not has_teacher:
        recipe = replace(recipe, teacher_weight=0.0)
    return replace(protocol, recipe=recipe)


def _print_table(runs: Path) -> None:
    from intone_lab.protocols.table import collect, published_table

    results = collect(runs)
    if not results:
        raise click.ClickException(f"no protocol was run in full under {runs}")
    click.echo(published_table(results), nl=False)


def _run(
    protocol: Protocol, as_run: Protocol, root: Path, runs: Path, seed: int, jobs: int
) -> None:
    from intone_lab.catalogue import CorpusError
    from intone_lab.corpora import find_clips
    from intone_lab.protocols.splits import own_clips

    check_writable(runs)
    check_backend()
    try:
        # Before TensorFlow is loaded, which takes seconds.
        clips = own_clips(protocol, find_clips(root, protocol.corpora))
    except CorpusError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{len(clips)} clips under {root}")
    from intone_lab.protocols.report import write_report
    from intone_lab.protocols.result import summarise, write_result
    from intone_lab.protocols.running import Plan, run
    from intone_lab.teacher.source import TeacherError

    plan = Plan(
        protocol=as_run,
        whole=protocol.recipe,
        clips=tuple(clips),
        runs=runs,
        seed=seed,
        jobs=jobs,
    )
    try:
        outcomes = run(plan)
    except TeacherError as error:
        raise click.ClickException(f"{error}; --no-teacher trains without") from error
    except CorpusError as error:
        raise click.ClickException(str(error)) from error
    result = summarise(plan, outcomes)
    write_result(plan.out, result)
    click.echo(write_report(plan.out, protocol, result))
    click.echo(f"written to {plan.out}")
