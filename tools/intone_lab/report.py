"""``report.md``, the confusion pictures and the card's figures, from what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from intone.core.card import Accuracy
from intone.core.decision import Calibration
from intone_lab import calibration as calibrate
from intone_lab import evaluation as score
from intone_lab.catalogue import EMOTIONS, GENDERS, in_order
from intone_lab.evaluation import Heard
from intone_lab.pipeline import Measured

EMOTION_WORTH = 1 / 3
"""An emotion that is right less often than this is not said: the label is ``unsure``."""
GENDER_WORTH = 0.65
"""The same for gender, where a coin is right half the time."""
BY_SPEAKER = "5 folds by speaker"
STRANGE = "a corpus never trained on"
AT_RANDOM = "random 80/20 split (same voices on both sides)"


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Everything a report is written from."""

    folds: tuple[Measured, ...]
    random: Measured
    strangers: Measured
    """The final model on corpora that it was not trained on; its test side may be empty."""
    development: str
    """Which fold the settings were chosen on, in words."""

    def heard(self, corpus: str, *, int8: bool = True, skip: Sequence[str] = ()) -> list[Heard]:
        """Return what was said of a corpus's clips over the folds but those in ``skip``."""
        return [
            row
            for fold in self.folds
            if fold.split.name not in skip
            for row in (fold.int8 if int8 else fold.float32)
            if row.clip.corpus == corpus
        ]

    @property
    def corpora(self) -> tuple[str, ...]:
        """Corpora that were held out, in the catalogue's order."""
        return in_order(row.clip.corpus for fold in self.folds for row in fold.int8)


def _groups(study: Study, head: str) -> list[tuple[calibrate.Logits, calibrate.Truth]]:
    """Logits and truth of RAVDESS, a group a fold: the corpus that holds all labels."""
    labels = EMOTIONS if head == "emotion" else GENDERS
    groups = []
    for fold in study.folds:
        rows = [r for r in fold.int8 if r.clip.corpus == "ravdess" and r.emotion is not None]
        truth = [labels.index(str(getattr(row.clip, head))) for row in rows]
        logits = np.stack([getattr(row, head) for row in rows])
        groups.append((logits, np.array(truth)))
    return groups


def calibrations(study: Study) -> tuple[Calibration, Calibration]:
    """Return emotion's and gender's, fitted on every fold's held-out speakers."""
    fitted = []
    for head, worth in (("emotion", EMOTION_WORTH), ("gender", GENDER_WORTH)):
        groups = _groups(study, head)
        logits, truth = (np.concatenate(column) for column in zip(*groups, strict=True))
        fitted.append(calibrate.fit(logits, truth, worth))
    return fitted[0], fitted[1]


def accuracies(study: Study) -> list[Accuracy]:
    """Return the card's figures."""
    rows = [
        row for corpus in study.corpora for row in _figures(corpus, BY_SPEAKER, study.heard(corpus))
    ]
    random = [row for row in study.random.int8 if row.clip.corpus == "ravdess"]
    rows += _figures("ravdess", AT_RANDOM, random)
    for corpus, heard in _strangers(study):
        rows += _figures(corpus, STRANGE, heard)
    said, truth, _ = calibrate.cross_fitted(_groups(study, "emotion"), EMOTION_WORTH)
    ece = calibrate.expected_calibration_error(said, truth)
    rows.append(_figure("ravdess", BY_SPEAKER, "emotion", "ece", ece, len(truth)))
    return rows


def _strangers(study: Study) -> list[tuple[str, list[Heard]]]:
    rows = study.strangers.int8
    corpora = in_order(row.clip.corpus for row in rows)
    return [(name, [row for row in rows if row.clip.corpus == name]) for name in corpora]


def _figure(
    corpus: str, protocol: str, task: str, metric: str, value: float, clips: int
) -> Accuracy:
    return Accuracy(
        corpus=corpus,
        protocol=protocol,
        task=task,
        metric=metric,
        value=round(value, 4),
        clips=clips,
    )


def _figures(corpus: str, protocol: str, heard: Sequence[Heard]) -> list[Accuracy]:
    among = score.present(heard)
    emotion, gender = score.emotion_pairs(heard, among), score.gender_pairs(heard)
    return [
        _figure(corpus, protocol, "emotion", "uar", score.uar(emotion, among), len(heard)),
        _figure(corpus, protocol, "emotion", "accuracy", score.accuracy(emotion), len(heard)),
        _figure(corpus, protocol, "gender", "accuracy", score.accuracy(gender), len(heard)),
    ]


def write_report(folder: Path, study: Study, size_bytes: int, settings: str) -> None:
    """Write ``report.md`` and its pictures into ``folder``."""
    parts = [
        _head(size_bytes),
        _summary(study),
        _by_corpus(study),
        _confusion(folder, study),
        _calibration(study),
        f"## Settings\n\n```json\n{settings}\n```\n",
    ]
    (folder / "report.md").write_text("\n".join(parts), encoding="utf-8")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines) + "\n"


def _head(size_bytes: int) -> str:
    return (
        "# The `gru` model: what was measured\n\n"
        "Written by `make model` (`intone-lab train`). Every figure is of the exported int8 "
        "file unless a row says float, on speakers that were not in training unless it says "
        "random, fed by the server's own core in 100 ms pieces. A clip counts by its longest "
        "utterance; a clip in which nothing was heard is wrong. UAR is the mean of the "
        "classes' recalls. The shipped file is trained on all speakers of the folds; its own "
        "accuracy on new voices is what the folds estimate.\n\n"
        f"Model file: {size_bytes / 1000:.0f} kB.\n"
    )


def _summary(study: Study) -> str:
    int8, float32 = study.heard("ravdess"), study.heard("ravdess", int8=False)
    random = [row for row in study.random.int8 if row.clip.corpus == "ravdess"]
    clean = study.heard("ravdess", skip=(study.development,))
    low, high = score.speaker_interval(int8)
    one = float(np.mean([row.utterances == 1 for row in int8]))
    gap = max(fold.stream_gap for fold in study.folds)
    emotion_gap = _uar(int8) - _uar(float32)
    rows = [
        ("RAVDESS, 8 emotions, 5 folds by actor, UAR", f"{_uar(int8):.3f}"),
        ("… 95 % interval, speakers drawn anew", f"{low:.3f} to {high:.3f}"),
        (f"… without {study.development}, on which settings were chosen", f"{_uar(clean):.3f}"),
        ("… float32 file, same folds, UAR", f"{_uar(float32):.3f} (int8 {emotion_gap:+.3f})"),
        ("… random 80/20 split, the same voices on both sides, UAR", f"{_uar(random):.3f}"),
        ("RAVDESS, gender, 5 folds by actor, accuracy", f"{_gender(int8):.3f}"),
        ("RAVDESS clips that give exactly one utterance", f"{one:.3f}"),
        ("Float model streamed against Keras offline, largest gap in probability", f"{gap:.1e}"),
    ]
    return "## In short\n\n" + _table(("what", "measured"), rows)


def _uar(heard: Sequence[Heard]) -> float:
    among = score.present(heard)
    return score.uar(score.emotion_pairs(heard, among), among)


def _gender(heard: Sequence[Heard]) -> float:
    return score.accuracy(score.gender_pairs(heard))


def _by_corpus(study: Study) -> str:
    header = (
        "corpus",
        "speakers",
        "clips",
        "emotions",
        "UAR among its emotions (95 %)",
        "UAR among all eight",
        "gender accuracy",
        "nothing heard",
    )
    folds = [_corpus_row(name, study.heard(name)) for name in study.corpora]
    strangers = [_corpus_row(name, heard) for name, heard in _strangers(study)]
    text = (
        "## By corpus, 5 folds by speaker\n\n"
        + _table(header, folds)
        + "\nTESS is always in training (two speakers, both women), so it has no row.\n"
    )
    if strangers:
        text += "\n## Corpora never trained on: the shipped file\n\n" + _table(header, strangers)
    return text


def _corpus_row(corpus: str, heard: Sequence[Heard]) -> tuple[str, ...]:
    among = score.present(heard)
    low, high = score.speaker_interval(heard)
    return (
        corpus,
        str(len({row.clip.speaker for row in heard})),
        str(len(heard)),
        str(len(among)),
        f"{_uar(heard):.3f} ({low:.2f} to {high:.2f})",
        f"{score.uar(score.emotion_pairs(heard, EMOTIONS), EMOTIONS):.3f}",
        f"{_gender(heard):.3f}",
        f"{float(np.mean([row.utterances == 0 for row in heard])):.3f}",
    )


def _confusion(folder: Path, study: Study) -> str:
    heard = study.heard("ravdess")
    counts = score.confusion(score.emotion_pairs(heard, EMOTIONS), EMOTIONS)
    _draw(folder / "confusion.png", counts)
    rows = [
        (name, *(str(n) for n in counts[i]), f"{counts[i, i] / counts[i].sum():.2f}")
        for i, name in enumerate(EMOTIONS)
    ]
    return (
        "## RAVDESS, 5 folds by actor: who is taken for whom\n\n"
        "![Confusion matrix](confusion.png)\n\n"
        + _table(("true \\ said", *EMOTIONS, "nothing heard", "recall"), rows)
    )


def _draw(path: Path, counts: np.ndarray) -> None:
    from matplotlib.figure import Figure

    share = counts / counts.sum(axis=1, keepdims=True)
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(EMOTIONS) + 1), [*EMOTIONS, "nothing"], rotation=45, ha="right")
    axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
    axes.set_xlabel("said")
    axes.set_ylabel("true")
    for (row, column), value in np.ndenumerate(share):
        colour = "white" if value > 0.5 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, size=8)
    figure.colorbar(image, label="share of the true class")
    figure.savefig(path, dpi=80)


def _calibration(study: Study) -> str:
    emotion, gender = calibrations(study)
    rows = []
    for head, worth, own in (
        ("emotion", EMOTION_WORTH, emotion),
        ("gender", GENDER_WORTH, gender),
    ):
        groups = _groups(study, head)
        raw = calibrate.probabilities(np.concatenate([g[0] for g in groups]), 1.0)
        said, truth, answered = calibrate.cross_fitted(groups, worth)
        right = said.argmax(axis=1) == truth
        rows.append(
            (
                head,
                f"{own.temperature:.3f}",
                f"{own.threshold:.3f}",
                f"{calibrate.expected_calibration_error(raw, truth):.3f}",
                f"{calibrate.expected_calibration_error(said, truth):.3f}",
                f"{answered.mean():.3f}",
                f"{right.mean():.3f}",
                f"{right[answered].mean():.3f}",
            )
        )
    header = (
        "head",
        "temperature",
        "threshold",
        "ECE before",
        "ECE after",
        "answered",
        "accuracy of all",
        "accuracy of the answered",
    )
    return (
        "## Calibration\n\nTemperature and threshold on the card are fitted on the held-out "
        "speakers of all folds; the columns to the right calibrate each fold by the other "
        "four. RAVDESS, 15 bins.\n\n" + _table(header, rows)
    )
