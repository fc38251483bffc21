"""The report's sections on who is taken for whom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from intone_lab.calibration import error_by_chance
from intone_lab.evaluation import Head
from intone_lab.report.confusion import draw_confusion
from intone_lab.report.figures import HeadFigures
from intone_lab.report.markdown import NONE, between, picture, section, share, signed, table
from intone_lab.report.numbers import Numbers
from intone_lab.run_record import Weights
from intone_lab.study import EvaluationProtocol

ASIDE_CONDITIONS = ("telephone", "white 10 dB", "babble 10 dB")
_TITLES = {
    EvaluationProtocol.BY_SPEAKER: "{folds} folds by speaker: voices never heard",
    EvaluationProtocol.AT_RANDOM: "Random split: the same voices on both sides",
    EvaluationProtocol.STRANGE_CORPUS: "The shipped file on corpora never trained on",
    EvaluationProtocol.STRANGE_SPEAKERS: "The shipped file on speakers never trained on",
}
_SHORT = {
    EvaluationProtocol.BY_SPEAKER: "",
    EvaluationProtocol.AT_RANDOM: "-random",
    EvaluationProtocol.STRANGE_CORPUS: "-strange",
    EvaluationProtocol.STRANGE_SPEAKERS: "-strange-speakers",
}


def title(protocol: EvaluationProtocol, folds: int) -> str:
    """What a section about ``protocol`` is headed."""
    return _TITLES[protocol].format(folds=folds)


def summary(numbers: Numbers) -> str:
    """What a reader wants first."""
    rows: list[tuple[str, str, str]] = []
    for protocol, corpus in numbers.corpora(*EvaluationProtocol):
        for head, metric in ((Head.EMOTION, "uar"), (Head.GENDER, "accuracy")):
            line = numbers.line(protocol, corpus, head)
            if line is not None:
                rows.append(_summary_row(line, metric, numbers.words(protocol)))
    rows += [*_condition_asides(numbers), *_asides(numbers)]
    return section("In short", table(("what", "measured", "95 %, speakers drawn anew"), rows))


def by_protocol(numbers: Numbers, folder: Path) -> list[str]:
    """Return a section a protocol: corpora, confusions and classification reports, clean."""
    sections = []
    for protocol in EvaluationProtocol:
        corpora = [corpus for _, corpus in numbers.corpora(protocol)]
        if corpora:
            lines = [numbers.line(protocol, corpus, Head.EMOTION) for corpus in corpora]
            parts = [_corpora_table(numbers, protocol, corpora), _no_row(numbers, protocol)]
            parts += [_one_corpus(line, numbers, folder) for line in lines if line is not None]
            parts += [_gender_reports(numbers, protocol, corpora)]
            sections.append(section(title(protocol, numbers.folds), *parts))
    return sections


def quantisation(numbers: Numbers) -> str:
    """The int8 export against float32, clean speech by speaker."""
    header = ("corpus", "UAR int8", "float32", "int8 gains", "gender int8", "float32", "int8 gains")
    rows = [
        (corpus, *_against(numbers, corpus, Head.EMOTION), *_against(numbers, corpus, Head.GENDER))
        for _, corpus in numbers.corpora(EvaluationProtocol.BY_SPEAKER)
    ]
    return section("int8 against float32", table(header, rows)) if rows else ""


def _against(numbers: Numbers, corpus: str, head: Head) -> tuple[str, str, str]:
    metric = "uar" if head is Head.EMOTION else "accuracy"
    lines = [
        numbers.line(EvaluationProtocol.BY_SPEAKER, corpus, head, weights=own) for own in Weights
    ]
    values = [getattr(line.figures, metric) for line in lines if line is not None]
    if len(values) < len(lines):
        return NONE, NONE, NONE
    int8, float32 = values
    return share(int8), share(float32), signed(int8 - float32)


def _summary_row(line: HeadFigures, metric: str, words: str) -> tuple[str, str, str]:
    name = f"{len(line.labels)} emotions, UAR" if metric == "uar" else "gender, accuracy"
    ends = getattr(line.intervals, metric) if line.intervals is not None else None
    what = f"{line.corpus}, {name}; {words}"
    return what, share(getattr(line.figures, metric)), between(ends)


def _condition_asides(numbers: Numbers) -> list[tuple[str, str, str]]:
    """UAR lost by telephone and at 10 dB, and the calibration error: what is asked next."""
    rows = []
    for protocol, corpus in numbers.corpora(EvaluationProtocol.BY_SPEAKER):
        clean = numbers.line(protocol, corpus, Head.EMOTION)
        for condition in ASIDE_CONDITIONS:
            line = numbers.line(protocol, corpus, Head.EMOTION, condition)
            if line is not None and clean is not None:
                lost = clean.figures.uar - line.figures.uar
                rows.append((f"{corpus}, UAR lost: {condition}", signed(lost), NONE))
    for told in numbers.confidence:
        if told.head is Head.EMOTION and told.protocol is EvaluationProtocol.BY_SPEAKER:
            what = f"{told.corpus}, expected calibration error of emotion"
            by_chance = share(error_by_chance(told.bins_after))
            rows.append((f"{what} (by chance alone {by_chance})", share(told.ece_after), NONE))
    return rows


def _asides(numbers: Numbers) -> list[tuple[str, str, str]]:
    rows = []
    for line in numbers.without_development:
        if line.head is Head.EMOTION:
            others = f"the {line.speakers} speakers besides those on whom settings were chosen"
            what = f"{line.corpus}, UAR of {others}"
            ends = line.intervals.uar if line.intervals is not None else None
            rows.append((what, share(line.figures.uar), between(ends)))
    for protocol, corpus in numbers.corpora(EvaluationProtocol.BY_SPEAKER):
        line_of_all = numbers.line(protocol, corpus, Head.EMOTION)
        if line_of_all is not None:
            exactly = line_of_all.one_utterance / line_of_all.clips
            rows.append((f"{corpus}, clips that give exactly one utterance", share(exactly), NONE))
    if numbers.stream_gap is not None:
        what = "float model streamed against Keras offline, largest gap in probability"
        rows.append((what, f"{numbers.stream_gap:.1e}", NONE))
    return rows


def _corpora_table(numbers: Numbers, protocol: EvaluationProtocol, corpora: Sequence[str]) -> str:
    header: tuple[str, ...] = (
        "corpus",
        "head",
        "speakers",
        "clips",
        "classes",
        "UAR",
        "95 %",
        "accuracy",
        "95 %",
    )
    header += ("macro F1", "95 %", "UAR among all labels", "nothing heard")
    rows = []
    for corpus in corpora:
        for head in Head:
            line = numbers.line(protocol, corpus, head)
            if line is not None:
                ends = line.intervals
                rows.append(
                    (
                        corpus,
                        head.value,
                        str(line.speakers),
                        str(line.clips),
                        str(len(line.labels)),
                        share(line.figures.uar),
                        between(ends.uar if ends else None),
                        share(line.figures.accuracy),
                        between(ends.accuracy if ends else None),
                        share(line.figures.macro_f1),
                        between(ends.macro_f1 if ends else None),
                        share(line.uar_among_all),
                        str(line.nothing_heard),
                    )
                )
    return table(header, rows)


def _no_row(numbers: Numbers, protocol: EvaluationProtocol) -> str:
    if protocol is not EvaluationProtocol.BY_SPEAKER or not numbers.never_held_out:
        return ""
    names = "; ".join(numbers.never_held_out)
    return f"Always in training, or not in the folder, and so without a row: {names}.\n"


def _one_corpus(line: HeadFigures, numbers: Numbers, folder: Path) -> str:
    name = f"confusion-{line.corpus}{_SHORT[line.protocol]}.png"
    said = (*line.labels, "(nothing)")
    draw_confusion(folder / name, line.confusion, line.labels, said)
    best = max(line.classes, key=lambda row: row.recall)
    worst = min(line.classes, key=lambda row: row.recall)
    alt = (
        f"Confusion matrix of {line.corpus}, {numbers.words(line.protocol)}: recalls from "
        f"{worst.recall:.2f} ({worst.label}) to {best.recall:.2f} ({best.label}); "
        "the table below gives every count."
    )
    counts = table(
        ("true \\ said", *line.labels, "nothing heard"),
        [(label, *map(str, row)) for label, row in zip(line.labels, line.confusion, strict=True)],
    )
    return f"### {line.corpus}\n\n" + "\n".join((picture(name, alt), counts, _classes(line)))


def _classes(line: HeadFigures) -> str:
    rows = [
        (row.label, share(row.precision), share(row.recall), share(row.f1), str(row.support))
        for row in line.classes
    ]
    return table(("class", "precision", "recall", "F1", "support"), rows)


def _gender_reports(numbers: Numbers, protocol: EvaluationProtocol, corpora: Sequence[str]) -> str:
    header = ("corpus", "gender", "precision", "recall", "F1", "support", "said female", "male")
    rows = []
    for corpus in corpora:
        line = numbers.line(protocol, corpus, Head.GENDER)
        for row in line.classes if line is not None else ():
            assert line is not None
            said = line.confusion[line.labels.index(row.label)]
            by_label = dict(zip(line.labels, said, strict=False))
            rows.append(
                (
                    corpus,
                    row.label,
                    *(share(value) for value in (row.precision, row.recall, row.f1)),
                    str(row.support),
                    *(str(by_label.get(name, NONE)) for name in ("female", "male")),
                )
            )
    return "### Gender\n\n" + table(header, rows) if rows else ""
