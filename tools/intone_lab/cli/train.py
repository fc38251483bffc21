"""``intone-lab train``: the default model from a folder of corpora."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from intone_lab.corpora import Clip
    from intone_lab.training import TrainSettings

DEVELOPMENT_FOLD = "fold5"
"""The fold on which the default settings were chosen."""


@click.command()
@click.option(
    "--corpora",
    "root",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the corpora, as published.",
)
@click.option(
    "--out",
    default="models/gru",
    type=click.Path(file_okay=False, path_type=Path),
    show_default=True,
    help="Where model.tflite, card.json and report.md go.",
)
@click.option(
    "--runs",
    default="runs",
    type=click.Path(file_okay=False, path_type=Path),
    show_default=True,
    help="Where weights and heard clips are kept, so that a stopped run goes on.",
)
@click.option("--seed", default=1, show_default=True, help="Decides folds, weights and batches.")
@click.option("--epochs", type=click.IntRange(min=1), help="Fewer for a trial run.")
@click.option(
    "--jobs", default=2, show_default=True, type=click.IntRange(min=1), help="Splits at a time."
)
def train(root: Path, out: Path, runs: Path, seed: int, epochs: int | None, jobs: int) -> None:
    """Train five folds, a random split and the final model; measure; write OUT."""
    from intone_lab.corpora import CorpusError, find_clips

    try:
        # Before TensorFlow is loaded, which takes seconds.
        clips = find_clips(root)
    except CorpusError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{len(clips)} clips under {root}")
    from intone_lab.training import TrainSettings

    settings = TrainSettings(seed=seed)
    if epochs is not None:
        settings = replace(settings, epochs=epochs)
    _train(clips, out, runs, settings, jobs)


def _train(
    clips: Sequence[Clip], out: Path, runs: Path, settings: TrainSettings, jobs: int
) -> None:
    from intone_lab import export, pipeline, report
    from intone_lab.copies import COPIES
    from intone_lab.dataset import prepare

    trained = pipeline.train_all(clips, runs, settings, jobs)
    examples = prepare(clips, COPIES, runs / "heard")
    folder = pipeline.run_folder(runs, clips, settings)
    measured = []
    for model in trained:
        click.echo(f"{model.split.name}: streaming {len(model.split.test)} held-out clips")
        path = folder / f"{model.split.name}.keras"
        measured.append(pipeline.measure(model, examples, path))
    final = trained[-1]
    *folds, random, strangers = measured
    study = report.Study(tuple(folds), random, strangers, DEVELOPMENT_FOLD)
    emotion, gender = report.calibrations(study)
    card = export.make_card(
        final.int8,
        final.split.train,
        name=out.name,
        emotion_calibration=emotion,
        gender_calibration=gender,
        accuracy=report.accuracies(study),
    )
    export.write_model(out, final.int8, card)
    flat = json.dumps(settings.as_row(), indent=2, default=str)
    report.write_report(out, study, len(final.int8), flat)
    for row in card.accuracy:
        click.echo(f"{row.corpus} {row.protocol} {row.task} {row.metric} {row.value:.3f}")
