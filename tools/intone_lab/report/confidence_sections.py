"""The report's sections on what confidence is worth, and on how soon the answer is there."""

from __future__ import annotations

from pathlib import Path

from intone_lab.calibration import BINS, error_by_chance
from intone_lab.evaluation import Head
from intone_lab.report import pictures
from intone_lab.report.confidence import Confidence
from intone_lab.report.markdown import picture, section, share, table
from intone_lab.report.numbers import Numbers
from intone_lab.report.seconds import INTERIM_MS, Course, Moment
from intone_lab.study import EvaluationProtocol


def calibration(numbers: Numbers, folder: Path) -> str:
    """Temperature, threshold, reliability and coverage."""
    if not numbers.confidence:
        return ""
    card_rows = [
        ("emotion", numbers.emotion_calibration),
        ("gender", numbers.gender_calibration),
    ]
    on_card = table(
        ("head", "temperature", "threshold"),
        [(head, f"{own.temperature:.3f}", f"{own.threshold:.3f}") for head, own in card_rows],
    )
    header: tuple[str, ...] = (
        "corpus",
        "head",
        "clips",
        "ECE before",
        "ECE after",
        "by chance",
        "Brier before",
        "Brier after",
    )
    header += ("AURC", "accuracy of all", "answered", "accuracy of the answered")
    rows = [_confidence_row(line) for line in numbers.confidence]
    return section(
        "Calibration",
        _how(numbers),
        on_card,
        table(header, rows),
        _reliability(numbers, folder),
        _coverage(numbers, folder),
    )


def seconds(numbers: Numbers, folder: Path) -> str:
    """UAR against what was heard; the first interim; flips."""
    if not numbers.courses:
        return ""
    pictures.draw_courses(folder / "seconds.png", numbers.courses)
    alt = "UAR of the answers at hand against seconds heard, a line a corpus; the table gives them."
    header = ("corpus", "heard", "UAR of those answered", "have an answer", "are over")
    rows = [
        (course.corpus, *_moment_cells(moment))
        for course in numbers.courses
        for moment in course.told
    ]
    interim_header: tuple[str, ...] = (
        "corpus",
        "utterances",
        "over before an interim",
        "first interim, median",
    )
    interim_header += ("95 % by", "flips an utterance", "without a flip")
    return section(
        "Seconds heard",
        "Clean speech by speaker, the utterance that stands for each clip, audio time from its "
        "start: 0.3 s of pre-roll come first, and no interim is given before 0.4 s of speech. "
        "An utterance that is over counts with its result.\n",
        picture("seconds.png", alt),
        table(header, rows),
        f"\nInterims every {INTERIM_MS} ms, as a client gets them that does not ask; a flip is a "
        "change of the most likely emotion from one answer to the next, the result included.\n",
        table(interim_header, [_interim_row(course) for course in numbers.courses]),
    )


def speed(numbers: Numbers) -> str:
    """Size, and the cost of a frame on each runtime."""
    size = f"Model file: {numbers.size_bytes / 1000:.0f} kB.\n"
    if not numbers.speeds:
        return section("Size", size)
    first = numbers.speeds[0]
    rows = [
        (
            f"{row.runtime}, Python {row.python}",
            row.weights,
            str(row.batch),
            f"{row.features_us:.2f}",
            f"{row.model_us:.2f}",
            f"{row.total_us:.2f}",
            f"{row.total_us / first.total_us:.2f}",
        )
        for row in numbers.speeds
    ]
    header = ("runtime", "weights", "batch", "features µs", "model µs", "together µs", "ratio")
    missing = "".join(f"\nNot timed: {line}\n" for line in numbers.not_timed)
    return section(
        "Size and speed",
        size,
        "Microseconds a 10 ms frame and utterance, one thread, the fastest of many rounds. The "
        "machine may have had other work: ratios to the first row hold elsewhere, times do not.\n",
        table(header, rows),
        missing,
    )


def _how(numbers: Numbers) -> str:
    if not any(line.protocol is EvaluationProtocol.BY_SPEAKER for line in numbers.confidence):
        return "Calibrated as the card says; it was fitted on other speakers than these.\n"
    corpora = ", ".join(numbers.calibrated_on)
    return (
        f"The card's temperature and threshold are fitted on the held-out speakers of all folds, "
        f"{corpora}. In the rows by speaker each fold is calibrated by the others, so that "
        "no speaker has a part in what he or she is measured by; strange speakers are calibrated "
        f"by the card. {BINS} bins; probabilities are over all the model's labels, and clips in "
        "which nothing was heard are left out. Chance adds to the error of few answers: what it "
        "would be if each were right exactly as often as it says stands beside it.\n"
    )


def _confidence_row(line: Confidence) -> tuple[str, ...]:
    corpus = line.corpus
    if line.protocol is not EvaluationProtocol.BY_SPEAKER:
        corpus += f" ({line.protocol.value})"
    values = (
        line.ece_before,
        line.ece_after,
        error_by_chance(line.bins_after),
        line.brier_before,
        line.brier_after,
        line.aurc,
        line.accuracy,
        line.answered,
        line.accuracy_answered,
    )
    return corpus, line.head.value, str(line.answers), *(share(value) for value in values)


def _shown(numbers: Numbers, head: Head) -> list[Confidence]:
    """Those of the first protocol that has any, the corpora it was calibrated on first."""
    own = [line for line in numbers.confidence if line.head is head]
    first = [line for line in own if line.protocol is own[0].protocol]
    return sorted(first, key=lambda line: line.corpus not in numbers.calibrated_on)


def _reliability(numbers: Numbers, folder: Path) -> str:
    lines = [shown[0] for head in Head for shown in [_shown(numbers, head)] if shown]
    pictures.draw_reliability(folder / "reliability.png", lines)
    told = "; ".join(
        f"{line.head.value} of {line.corpus}, ECE {line.ece_before:.3f} before and "
        f"{line.ece_after:.3f} after calibration"
        for line in lines
    )
    return picture("reliability.png", f"Reliability diagram: {told}.")


def _coverage(numbers: Numbers, folder: Path) -> str:
    by_head = {head.value: shown for head in Head for shown in [_shown(numbers, head)] if shown}
    pictures.draw_coverage(folder / "coverage.png", by_head)
    told = "; ".join(
        f"{line.head.value} of {line.corpus} from {line.accuracy:.2f} for all to "
        f"{line.accuracy_answered:.2f} for the {line.answered:.0%} over the threshold"
        for shown in by_head.values()
        for line in shown
    )
    return picture("coverage.png", f"Accuracy against the share answered: {told}.")


def _moment_cells(moment: Moment) -> tuple[str, ...]:
    heard = "all" if moment.heard_ms is None else f"{moment.heard_ms / 1_000:.1f} s"
    return heard, share(moment.uar), share(moment.answered), share(moment.ended)


def _interim_row(course: Course) -> tuple[str, ...]:
    told = course.interims
    return (
        course.corpus,
        str(told.utterances),
        share(told.without),
        f"{told.first_ms_median:.0f} ms",
        f"{told.first_ms_95:.0f} ms",
        f"{told.flips_mean:.2f}",
        share(told.steady),
    )
