"""A protocol's ``report.md`` and its pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from intone_lab.protocols.figures import ALL_CORPORA, Figures
from intone_lab.protocols.protocol import Protocol, SplitKind
from intone_lab.protocols.result import Result
from intone_lab.report.confusion import draw_confusion
from intone_lab.report.markdown import table

REPORT_FILE = "report.md"


def write_report(folder: Path, protocol: Protocol, result: Result) -> str:
    """Write ``report.md`` and a picture a confusion matrix; return the report's text."""
    folder.mkdir(parents=True, exist_ok=True)
    details = []
    for one in result.figures:
        if one.corpus == ALL_CORPORA:
            picture = _picture_name(one)
            title = f"{one.architecture}, {one.kind.value}: accuracy {one.accuracy:.3f}"
            draw_confusion(folder / picture, one.confusion, one.labels, one.labels, title)
            details.append(_detail(one, picture))
    settings = json.dumps(result.settings, indent=2)
    text = "\n".join(
        [
            _head(protocol, result),
            _summary(protocol, result),
            *details,
            f"## Settings\n\n```json\n{settings}\n```\n",
        ]
    )
    (folder / REPORT_FILE).write_text(text, encoding="utf-8")
    return text


def _head(protocol: Protocol, result: Result) -> str:
    counted = ", ".join(f"{corpus} {count}" for corpus, count in result.clips.items())
    epochs = result.settings["recipe"]["epochs"]
    trial = ""
    if result.is_trial:
        taught = result.settings["recipe"]["teacher_weight"] or not protocol.recipe.teacher_weight
        untaught = "" if taught else ", without the teacher"
        trial = (
            f"**A trial of {epochs} epochs where the protocol has {protocol.recipe.epochs}"
            f"{untaught}: its figures are not the protocol's.**\n\n"
        )
    return (
        f"# `{protocol.name}`: {protocol.title}\n\n"
        f"Written by `intone-lab reproduce {protocol.name}`.\n\n{trial}"
        f"Known of the published project: {protocol.published.known}. {protocol.notes}\n\n"
        f"Here: {protocol.features.value} of the middle 3 s of each whole clip; {epochs} epochs, "
        f"seed {result.settings['seed']}; clips: {counted}. Every figure is of the exported int8 "
        "file unless it says Keras.\n"
    )


def _summary(protocol: Protocol, result: Result) -> str:
    rows = [_summary_row(protocol, result, one) for one in result.figures]
    header = (
        "network",
        "task",
        "split",
        "clips",
        "voices",
        "accuracy",
        "published",
        "UAR",
        "macro F1",
        "accuracy, Keras",
        "accuracy by division",
    )
    costs = [
        (
            name,
            f"{result.weights[name]:,}",
            f"{result.file_bytes[name] / 1_000:.0f} kB",
            f"{result.epoch_s[name]:.1f} s",
        )
        for name in protocol.architectures
    ]
    return (
        "## In short\n\n"
        + table(header, rows)
        + "\n"
        + table(("network", "weights", "int8 file", "longest epoch, one thread"), costs)
    )


def _summary_row(protocol: Protocol, result: Result, one: Figures) -> tuple[str, ...]:
    published = protocol.published.accuracy
    is_theirs = one.kind is SplitKind.RANDOM and one.task == "emotion" and one.corpus == ALL_CORPORA
    parts = one.accuracy_by_division
    split = one.kind.value if len(result.clips) == 1 else f"{one.kind.value}, {one.corpus}"
    return (
        one.architecture,
        one.task,
        split,
        str(one.clips),
        str(one.speakers),
        f"{one.accuracy:.4f}",
        f"{published:.4f}" if published is not None and is_theirs else "",
        f"{one.uar:.4f}",
        f"{one.macro_f1:.4f}",
        f"{one.accuracy_by_keras:.4f}",
        ", ".join(f"{name} {value:.3f}" for name, value in parts.items()) if len(parts) > 1 else "",
    )


def _detail(one: Figures, picture: str) -> str:
    counts = [
        (label, *(str(count) for count in row))
        for label, row in zip(one.labels, one.confusion, strict=True)
    ]
    return (
        f"## {one.architecture}, {one.task}, {one.kind.value}\n\n"
        f"```text\n{classification_report(one)}```\n\n"
        f"![Confusion matrix, {one.architecture}, {one.task}, {one.kind.value}: "
        f"share of each true class]({picture})\n\n" + table(("true \\ said", *one.labels), counts)
    )


def classification_report(one: Figures) -> str:
    """Return precision, recall, F1 and support, in the columns of scikit-learn's report."""
    width = max(len("weighted avg"), *(len(label) for label in one.labels))
    row = f"{{:>{width}}} {{:>10}} {{:>10}} {{:>10}} {{:>10}}\n"
    lines = [row.format("", "precision", "recall", "f1-score", "support"), "\n"]
    columns = np.array([(c.precision, c.recall, c.f1) for c in one.classes])
    support = np.array([c.support for c in one.classes])
    for each, values in zip(one.classes, columns, strict=True):
        lines.append(row.format(each.label, *_four(values), each.support))
    lines += ["\n", row.format("accuracy", "", "", f"{one.accuracy:.4f}", one.clips)]
    occurs = support > 0
    lines.append(row.format("macro avg", *_four(columns[occurs].mean(axis=0)), one.clips))
    weighted = np.average(columns, axis=0, weights=support)
    lines.append(row.format("weighted avg", *_four(weighted), one.clips))
    return "".join(lines)


def _four(values: Iterable[float]) -> list[str]:
    return [f"{value:.4f}" for value in values]


def _picture_name(one: Figures) -> str:
    words = f"confusion-{one.architecture}-{one.task}-{one.kind.value}"
    return words.replace(", ", "-").replace(" ", "-") + ".png"
