"""From a run's exports to what each says of the clips that it never heard."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from rich.progress import track

from intone.core.features import FeatureSettings
from intone.models import Model
from intone.types import FloatArray
from intone_lab.calibration import probabilities
from intone_lab.catalogue import CORPORA, CorpusError, corpus_named
from intone_lab.conditions import CLEAN, Condition
from intone_lab.corpora import Clip
from intone_lab.evaluation import Heard
from intone_lab.folds import Split
from intone_lab.listening import Listener
from intone_lab.run_record import FINAL, Run, Weights
from intone_lab.study import EvaluationProtocol, Part
from intone_lab.whole_files import write_whole

GAP_FILE = "stream_gap.json"


def measure_run(
    run: Run, model: Model, ear: Listener, conditions: Sequence[Condition]
) -> list[Part]:
    """Listen to every split's held-out clips but the final model's.

    The folds hear all ``conditions``, and clean speech as float32 too; the random split, which
    is there to be compared with others', hears clean speech. ``model`` is the shipped one,
    whose card tells what the splits' exports are.
    """
    parts = []
    for work in track(list(_work(run, conditions)), "listening to the folds"):
        export = _export(run, model, work.split, work.weights)
        heard = ear.listen(export, work.split.test, work.condition)
        name = work.condition.name
        parts.append(Part(work.protocol, work.split.name, name, work.weights, heard))
    return parts


def measure_strangers(
    model: Model, clips: Sequence[Clip], ear: Listener, conditions: Sequence[Condition]
) -> list[Part]:
    """Listen to the shipped file itself, on people it was not trained on.

    A clip counts as of a strange corpus if the card does not name its corpus.
    """
    work = [
        (protocol, own, condition)
        for protocol, own in _by_acquaintance(model, clips).items()
        for condition in conditions
    ]
    return [
        Part(protocol, FINAL, condition.name, Weights.INT8, ear.listen(model, own, condition))
        for protocol, own, condition in track(work, "listening to strangers")
    ]


def strangers(clips: Iterable[Clip], model: Model, run: Run | None) -> list[Clip]:
    """Return the clips of people that the shipped file was not trained on.

    Without the run that made it, a corpus that the card names is taken as trained on whole.
    Raises :class:`CorpusError` where recordings of one's own were trained on and are not all
    there, and others are: they may be the same ones, in another place or under another name.
    """
    if run is not None:
        heard = run.trained_speakers
        unheard = [clip for clip in clips if clip.speaker not in heard]
        lost = sorted(run.lost_corpora - CORPORA.keys())
        if lost and any(clip.corpus not in CORPORA for clip in unheard):
            raise CorpusError(
                f"the model was trained on clips of {', '.join(lost)} that are not where they were,"
                " and those given may be the same: give the table as it was in training"
            )
        return unheard
    trained = {row.corpus for row in model.card.training}
    return [clip for clip in clips if corpus_named(clip.corpus).title not in trained]


def keep_gap(run: Run, gap: float) -> None:
    """Keep :func:`stream_gap` beside the run: later there may be no Keras to measure it with."""
    write_whole(run.folder / GAP_FILE, json.dumps(gap).encode())


def kept_gap(run: Run) -> float | None:
    """Return what was kept; None where nothing was."""
    path = run.folder / GAP_FILE
    return float(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _by_acquaintance(model: Model, clips: Iterable[Clip]) -> dict[EvaluationProtocol, list[Clip]]:
    trained = {row.corpus for row in model.card.training}
    parts: dict[EvaluationProtocol, list[Clip]] = {}
    for clip in clips:
        is_known = corpus_named(clip.corpus).title in trained
        protocol = (
            EvaluationProtocol.STRANGE_SPEAKERS if is_known else EvaluationProtocol.STRANGE_CORPUS
        )
        parts.setdefault(protocol, []).append(clip)
    return parts


@dataclass(frozen=True, slots=True)
class _Work:
    protocol: EvaluationProtocol
    split: Split
    weights: Weights
    condition: Condition


def _work(run: Run, conditions: Sequence[Condition]) -> Iterator[_Work]:
    folds = [split for split in run.splits if split.name.startswith("fold")]
    randoms = [split for split in run.splits if split.name.startswith("random")]
    for condition in conditions:
        for split in folds:
            yield _Work(EvaluationProtocol.BY_SPEAKER, split, Weights.INT8, condition)
    for split in folds:
        yield _Work(EvaluationProtocol.BY_SPEAKER, split, Weights.FLOAT32, CLEAN)
    for split in randoms:
        yield _Work(EvaluationProtocol.AT_RANDOM, split, Weights.INT8, CLEAN)


def _export(run: Run, model: Model, split: Split, weights: Weights) -> Model:
    """Return a split's export as a model of the shipped one's kind."""
    content = run.export(split.name, weights)
    sha256 = hashlib.sha256(content).hexdigest()
    card = msgspec.structs.replace(model.card, sha256=sha256)
    return replace(model, card=card, content=content)


def stream_gap(
    heard: Sequence[Heard],
    offline: Mapping[Clip, FloatArray | None],
    model_path: Path,
    features: FeatureSettings,
) -> float:
    """Largest difference in probability between the stream and Keras on the whole utterance.

    ``heard`` is the float export's; ``offline`` is :data:`intone_lab.dataset.FEATURES` of
    each clip's longest utterance, ``features`` what the model takes. Of clips that give one
    utterance: of two as long as each other either may stand for the clip.
    """
    from intone_lab.architectures import load_model
    from intone_lab.dataset import as_features

    model = load_model(model_path)
    by_length: dict[int, list[tuple[FloatArray, FloatArray]]] = {}
    for row in heard:
        utterance = offline[row.clip]
        if utterance is not None and row.emotion is not None and row.utterances == 1:
            by_length.setdefault(len(utterance), []).append((utterance, np.exp(row.emotion)))
    gap = 0.0
    for pairs in by_length.values():
        whole = np.stack([utterance for utterance, _ in pairs])
        streamed = np.stack([probability for _, probability in pairs])
        nothing_masked = np.zeros_like(streamed)
        frames = np.full(len(pairs), whole.shape[1], np.int32)
        inputs = {"features": as_features(whole, features), "allowed": nothing_masked}
        said = model.predict_on_batch({**inputs, "frames": frames})
        gap = max(gap, float(np.abs(probabilities(said["emotion"][:, -1], 1.0) - streamed).max()))
    return gap
