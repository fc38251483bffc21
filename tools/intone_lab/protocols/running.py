"""Runs a protocol: every network on every division, each in a process of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from intone.types import FloatArray
from intone_lab.architectures import ARCHITECTURES, save_model
from intone_lab.catalogue import GENDERS
from intone_lab.code_version import TEACHING, code_version
from intone_lab.copies import TAUGHT
from intone_lab.corpora import Clip
from intone_lab.file_version import file_version
from intone_lab.processes import each_alone
from intone_lab.protocols.features import prepare, settings_of
from intone_lab.protocols.outcome import Answer, Outcome, read_outcome, write_outcome
from intone_lab.protocols.protocol import TAUGHT_COPIES, Protocol, Recipe
from intone_lab.protocols.splits import Division, Take, divide
from intone_lab.teacher.heard import hear_all
from intone_lab.teacher.lessons import Lessons, TeacherSettings
from intone_lab.whole_files import write_whole


@dataclass(frozen=True, slots=True)
class Plan:
    """One call of ``intone-lab reproduce``."""

    protocol: Protocol
    """With the recipe that is run."""
    whole: Recipe
    """The protocol's own: another one is a trial's."""
    clips: tuple[Clip, ...]
    """The protocol's own (:func:`intone_lab.protocols.splits.own_clips`)."""
    runs: Path
    seed: int
    jobs: int

    @property
    def is_trial(self) -> bool:
        """Whether its figures are not those of the protocol."""
        return self.protocol.recipe != self.whole

    @property
    def out(self) -> Path:
        """Where the report goes; trials leave the protocol's own alone."""
        own = self.runs / "reproduce" / self.protocol.name
        if not self.is_trial:
            return own
        recipe = self.protocol.recipe
        is_taught = recipe.teacher_weight == self.whole.teacher_weight
        taught = "" if is_taught else "-without-teacher"
        return own / f"trial-of-{recipe.epochs}-epochs{taught}"

    @property
    def folder(self) -> Path:
        """Where weights and answers of this very run are kept, so that it can go on."""
        what = [
            self.protocol.settings(self.seed),
            [(clip.key, file_version(clip.path)) for clip in self.clips],
            code_version(TEACHING),
        ]
        name = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]
        return self.runs / "reproduce" / self.protocol.name / name

    @property
    def features_cache(self) -> Path:
        """Shared by all protocols."""
        return self.runs / "reproduce" / "features"


def run(plan: Plan) -> list[Outcome]:
    """Train, export and score what is not there yet, ``plan.jobs`` at a time.

    Raises what a network's own process raises, after the others under way have ended; what
    they came to is kept.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    # Once, before the processes that read it from there.
    _features(plan)
    if plan.protocol.recipe.teacher_weight:
        hear_all(plan.clips, TAUGHT, plan.runs / "heard")
    divisions = divide(plan.protocol, plan.clips, plan.seed)
    work = {
        f"{plan.protocol.name} {architecture} {division.name}": (plan, architecture, division)
        for division in divisions
        for architecture in plan.protocol.architectures
    }
    return each_alone(_run_on_one_thread, work, plan.jobs)


def _run_on_one_thread(plan: Plan, architecture: str, division: Division) -> Outcome:
    """Side by side, networks of this size train faster on a thread each than on all together."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return run_one(plan, architecture, division)


def run_one(plan: Plan, architecture: str, division: Division) -> Outcome:
    """Train, export and score one network, or read what came of it."""
    path = plan.folder / f"{architecture}-{division.name}.json"
    if path.exists():
        return read_outcome(path)
    outcome = _trained_and_scored(plan, architecture, division)
    write_outcome(path, outcome)
    return outcome


def _features(plan: Plan) -> dict[Take, FloatArray]:
    recipe = plan.protocol.recipe
    cache = plan.features_cache
    return dict(prepare(plan.clips, recipe.speeds, plan.protocol.features, cache, plan.jobs))


def _lessons(plan: Plan, division: Division) -> dict[Take, FloatArray] | None:
    """What the teacher makes of the training side's takes, along directions found on them alone."""
    if not plan.protocol.recipe.teacher_weight:
        return None
    keys = {take: (take.clip.key, TAUGHT_COPIES[take.speed]) for take in division.train}
    taught = hear_all(plan.clips, TAUGHT, plan.runs / "heard")
    lessons = Lessons(taught, keys.values(), TeacherSettings())
    found = {take: lessons.of_utterance(key) for take, key in keys.items()}
    return {take: lesson for take, lesson in found.items() if lesson is not None}


def _trained_and_scored(plan: Plan, name: str, division: Division) -> Outcome:
    from intone_lab.protocols import fitting, scoring

    own = settings_of(plan.protocol.features)
    architecture = replace(ARCHITECTURES[name], features=own)
    features = _features(plan)
    task = fitting.Task(
        name=f"{plan.protocol.name} {name} {division.name}",
        protocol=plan.protocol,
        architecture=architecture,
        train=division.train,
        features=features,
        seed=plan.seed,
        lessons=_lessons(plan, division),
    )
    under_way = plan.folder / f"{name}-{division.name}.partial.keras"
    fitted = fitting.fit(task, under_way)
    content = architecture.to_tflite(fitted.model, quantised=True)
    stem = plan.folder / f"{name}-{division.name}"
    write_whole(stem.with_suffix(".int8.tflite"), content)
    save_model(fitted.model, stem.with_suffix(".keras"))
    fitting.forget(under_way)
    rows = [features[take] for take in division.test]
    return Outcome(
        architecture=name,
        division=division.name,
        kind=division.kind,
        trained_clips=len({take.clip for take in division.train}),
        answers=_answers(
            plan.protocol,
            division.test,
            scoring.by_file(content, architecture, rows),
            scoring.by_keras(fitted.model, rows),
        ),
        weights=fitted.model.count_params(),
        file_bytes=len(content),
        epoch_s=round(fitted.epoch_s, 2),
    )


def _answers(
    protocol: Protocol,
    takes: Sequence[Take],
    by_file: tuple[FloatArray, FloatArray],
    by_keras: tuple[FloatArray, FloatArray],
) -> tuple[Answer, ...]:
    labels = (protocol.emotions, GENDERS)

    def said(logits: tuple[FloatArray, FloatArray], index: int) -> dict[str, str]:
        best = [names[int(np.argmax(of[index]))] for names, of in zip(labels, logits, strict=True)]
        return _of_tasks(protocol, *best)

    return tuple(
        Answer(
            clip=take.clip.key,
            speed=take.speed,
            corpus=take.clip.corpus,
            speaker=take.clip.speaker,
            true=_of_tasks(protocol, str(take.clip.emotion), str(take.clip.gender)),
            said=said(by_file, index),
            said_by_keras=said(by_keras, index),
        )
        for index, take in enumerate(takes)
    )


def _of_tasks(protocol: Protocol, emotion: str, gender: str) -> dict[str, str]:
    both = {"emotion": emotion, "gender": gender}
    return {task: both[task] for task in protocol.tasks}
