"""The report's section on telephone speech, noise and level."""

from __future__ import annotations

from pathlib import Path

from intone_lab.conditions import ACTIVE_WITHIN_DB, BABBLE_VOICES
from intone_lab.evaluation import Head
from intone_lab.report import pictures
from intone_lab.report.accuracy_sections import title
from intone_lab.report.figures import HeadFigures
from intone_lab.report.markdown import NONE, picture, section, share, signed, table
from intone_lab.report.numbers import Numbers
from intone_lab.study import STRANGERS, EvaluationProtocol


def conditions_section(numbers: Numbers, folder: Path) -> str:
    """Telephone, noise and level: figures, and what is lost against clean speech."""
    if len(numbers.conditions) < 2:
        return ""
    parts = []
    for protocol in (EvaluationProtocol.BY_SPEAKER, *STRANGERS):
        rows = [
            row
            for _, corpus in numbers.corpora(protocol)
            for row in _condition_rows(numbers, protocol, corpus)
        ]
        if rows:
            header = ("corpus", "condition", "UAR", "lost", "gender", "lost", "nothing heard")
            parts.append(f"### {title(protocol, numbers.folds)}\n\n" + table(header, rows))
    return section(
        "Telephone, noise and level",
        "Telephone is 8 kHz mu-law, sent as such and read by the server's own decoder. Noise is "
        "added to the clean clip before it is sent: white noise, or babble of "
        f"{BABBLE_VOICES} clips of other speakers of the same corpus, at 20, 10 and 5 dB under "
        "the speech. The level of speech is the mean power of its 20 ms frames that are at most "
        f"{ACTIVE_WITHIN_DB:.0f} dB under the clip's mean; that of noise is its mean power over "
        "the clip. Each clip's noise is drawn from a seed of its own and is the same at each "
        "level; a corpus of one speaker has no babble. Quieter is the clip at a lower level, as "
        "from a microphone less sensitive than the corpus's. A clip in which nothing was heard is "
        "wrong.\n",
        _conditions_picture(numbers, folder),
        *parts,
    )


def _condition_rows(
    numbers: Numbers, protocol: EvaluationProtocol, corpus: str
) -> list[tuple[str, ...]]:
    rows = []
    for condition in numbers.conditions:
        lines = [numbers.line(protocol, corpus, head, condition) for head in Head]
        nothing_heard = [str(line.nothing_heard) for line in lines if line is not None]
        if nothing_heard:
            cells = [cell for line in lines for cell in _value_and_loss(numbers, line)]
            rows.append((corpus, condition, *cells, nothing_heard[0]))
    return rows


def _value_and_loss(numbers: Numbers, line: HeadFigures | None) -> tuple[str, str]:
    if line is None:
        return NONE, NONE
    metric = "uar" if line.head is Head.EMOTION else "accuracy"
    value = getattr(line.figures, metric)
    clean = numbers.line(line.protocol, line.corpus, line.head)
    if clean is None or clean is line:
        return share(value), ""
    return share(value), signed(getattr(clean.figures, metric) - value)


def _conditions_picture(numbers: Numbers, folder: Path) -> str:
    protocols = (EvaluationProtocol.BY_SPEAKER, *STRANGERS)
    # The folds where there are any: the shipped file's strangers are another matter.
    corpora = numbers.corpora(protocols[0]) or numbers.corpora(*protocols)
    by_head = {}
    for head in Head:
        rows = [
            [
                line
                for condition in numbers.conditions
                for line in [numbers.line(protocol, corpus, head, condition)]
                if line is not None
            ]
            for protocol, corpus in corpora
        ]
        if any(rows):
            by_head[head.value] = [row for row in rows if row]
    if not by_head:
        return ""
    pictures.draw_conditions(folder / "conditions.png", numbers.conditions, by_head)
    alt = "UAR of emotion and accuracy of gender under each condition; the tables below give them."
    return picture("conditions.png", alt)
