"""What `intone-lab train` trains, and by which settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from intone_lab.architectures import ARCHITECTURES
from intone_lab.catalogue import CORPORA, GENDERS, in_order
from intone_lab.pretrained.settings import PRETRAINED, HeadSettings

if TYPE_CHECKING:
    from intone_lab.corpora import Clip
    from intone_lab.pipeline import RunSettings
    from intone_lab.training import TrainSettings

MODELS = {**ARCHITECTURES, PRETRAINED.name: PRETRAINED}
"""Everything that can be trained, by name."""


def check_options(architecture: str, epochs: int | None, *, has_teacher: bool) -> None:
    """Raise :class:`click.UsageError` for what an architecture has not."""
    if architecture != PRETRAINED.name:
        return
    if epochs is not None:
        raise click.UsageError("pretrained has no epochs: its heads are fitted until they are best")
    if not has_teacher:
        raise click.UsageError(
            "pretrained is made of the two networks that --no-teacher leaves out"
        )


def settings_for(
    architecture: str, seed: int, clips: Sequence[Clip], epochs: int | None, *, has_teacher: bool
) -> RunSettings:
    """Return what decides the run, besides the data; a user's own corpora are trained on, too."""
    if architecture == PRETRAINED.name:
        return _heads_with_own(HeadSettings(seed=seed), clips)
    return _recipe(architecture, seed, clips, epochs, has_teacher=has_teacher)


def _recipe(
    architecture: str, seed: int, clips: Sequence[Clip], epochs: int | None, *, has_teacher: bool
) -> TrainSettings:
    from intone_lab.recipes import recipe

    settings = _with_own(recipe(architecture, seed), clips)
    if epochs is not None:
        settings = _shortened(settings, epochs)
    return settings if has_teacher else replace(settings, teacher=None)


def _shortened(settings: TrainSettings, epochs: int) -> TrainSettings:
    last = settings.finish
    if last is not None:
        last = replace(last, epochs=min(last.epochs, epochs))
    return replace(settings, epochs=epochs, finish=last)


def _with_own(settings: TrainSettings, clips: Sequence[Clip]) -> TrainSettings:
    """Train on a user's own corpora, too, and on gender where they have both."""
    own, both = _own_corpora(clips)
    batches = replace(settings.batches, gender_from=(*settings.batches.gender_from, *both))
    return replace(settings, corpora=(*settings.corpora, *own), batches=batches)


def _heads_with_own(settings: HeadSettings, clips: Sequence[Clip]) -> HeadSettings:
    own, both = _own_corpora(clips)
    return replace(
        settings,
        corpora=(*settings.corpora, *own),
        gender_from=(*settings.gender_from, *both),
    )


def gender_corpora(settings: RunSettings) -> tuple[str, ...]:
    """Return the corpora that gender is learnt from."""
    if isinstance(settings, HeadSettings):
        return settings.gender_from
    from intone_lab.training import TrainSettings

    assert isinstance(settings, TrainSettings)
    return settings.batches.gender_from


def _own_corpora(clips: Sequence[Clip]) -> tuple[list[str], list[str]]:
    """Return the corpora that are a user's own, and those of them that have both genders."""
    own = [name for name in in_order(clip.corpus for clip in clips) if name not in CORPORA]
    genders = {(clip.corpus, clip.gender) for clip in clips}
    return own, [name for name in own if all((name, gender) in genders for gender in GENDERS)]
