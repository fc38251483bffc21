"""From answers to figures: confusion matrix, precision, recall and F1, by scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from intone_lab.catalogue import EMOTIONS, GENDERS
from intone_lab.metrics import ClassFigures
from intone_lab.protocols.outcome import Answer, Outcome
from intone_lab.protocols.protocol import Protocol, SplitKind

ALL_CORPORA = "all"


@dataclass(frozen=True, slots=True)
class Figures:
    """One network on one kind of split, over all of its divisions' tested clips together."""

    architecture: str
    kind: SplitKind
    task: str
    corpus: str
    """A corpus of the pool, or :data:`ALL_CORPORA`."""
    clips: int
    speakers: int
    accuracy: float
    uar: float
    """Mean of the recalls of the classes that occur."""
    macro_f1: float
    """Mean of their F1."""
    accuracy_by_keras: float
    """Before export; every other figure is of the int8 file."""
    accuracy_by_division: dict[str, float]
    classes: tuple[ClassFigures, ...]
    """Of every label that occurs or was said."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows true, columns said, both in the order of ``classes``."""

    @property
    def labels(self) -> list[str]:
        """The labels of ``classes``, in order."""
        return [one.label for one in self.classes]


def figures(protocol: Protocol, outcomes: Sequence[Outcome]) -> list[Figures]:
    """Return a :class:`Figures` each for network, kind of split, task and corpus, in that order."""
    found = []
    for architecture in protocol.architectures:
        for kind in protocol.splits:
            own = [o for o in outcomes if o.architecture == architecture and o.kind is kind]
            for task in protocol.tasks:
                found += list(_of_one(architecture, kind, task, own))
    return found


def _of_one(
    architecture: str, kind: SplitKind, task: str, outcomes: Sequence[Outcome]
) -> Iterator[Figures]:
    corpora = sorted({answer.corpus for outcome in outcomes for answer in outcome.answers})
    wholes = [ALL_CORPORA, *corpora] if len(corpora) > 1 else [ALL_CORPORA]
    for corpus in wholes:
        by_division = {
            outcome.division: [a for a in outcome.answers if corpus in (ALL_CORPORA, a.corpus)]
            for outcome in outcomes
        }
        kept = {division: answers for division, answers in by_division.items() if answers}
        if kept:
            yield _figures(architecture, kind, task, corpus, kept)


def _figures(
    architecture: str, kind: SplitKind, task: str, corpus: str, by_division: dict[str, list[Answer]]
) -> Figures:
    answers = [answer for part in by_division.values() for answer in part]
    true = [answer.true[task] for answer in answers]
    said = [answer.said[task] for answer in answers]
    order = EMOTIONS if task == "emotion" else GENDERS
    labels = [label for label in order if label in {*true, *said}]
    classes = tuple(_classes(true, said, labels))
    present = [one for one in classes if one.support]
    return Figures(
        architecture=architecture,
        kind=kind,
        task=task,
        corpus=corpus,
        clips=len(answers),
        speakers=len({answer.speaker for answer in answers}),
        accuracy=float(accuracy_score(true, said)),
        uar=sum(one.recall for one in present) / len(present),
        macro_f1=sum(one.f1 for one in present) / len(present),
        accuracy_by_keras=_accuracy(answers, task, by_keras=True),
        accuracy_by_division={
            name: _accuracy(part, task) for name, part in sorted(by_division.items())
        },
        classes=classes,
        confusion=tuple(
            tuple(int(count) for count in row)
            for row in confusion_matrix(true, said, labels=labels)
        ),
    )


def _classes(
    true: Sequence[str], said: Sequence[str], labels: Sequence[str]
) -> Iterator[ClassFigures]:
    columns = precision_recall_fscore_support(true, said, labels=labels, zero_division=0.0)
    for label, precision, recall, f1, support in zip(labels, *columns, strict=True):
        yield ClassFigures(label, float(precision), float(recall), float(f1), int(support))


def _accuracy(answers: Sequence[Answer], task: str, *, by_keras: bool = False) -> float:
    right = [
        (answer.said_by_keras if by_keras else answer.said)[task] == answer.true[task]
        for answer in answers
    ]
    return sum(right) / len(right)
