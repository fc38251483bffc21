"""Published, reproduced, by speaker, literature: one Markdown table of every protocol run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from intone_lab.protocols.catalogue import PROTOCOLS
from intone_lab.protocols.figures import ALL_CORPORA, Figures
from intone_lab.protocols.protocol import Protocol, SplitKind
from intone_lab.protocols.result import RESULT_FILE, Result, read_result
from intone_lab.report.markdown import table

NOT_KNOWN = "not known"


def collect(runs: Path) -> list[Result]:
    """Return the result of each protocol that was run in full under ``runs``, in their order.

    Raises :class:`msgspec.ValidationError` for a file that is no result.
    """
    paths = [runs / "reproduce" / name / RESULT_FILE for name in PROTOCOLS]
    results = [read_result(path) for path in paths if path.exists()]
    return [result for result in results if not result.is_trial]


def published_table(results: Sequence[Result]) -> str:
    """Return the table and its sources; protocols without a result have no row."""
    sources = _sources(results)
    rows = [
        _row(PROTOCOLS[result.protocol], result, one, sources)
        for result in results
        for one in result.figures
        if one.kind is SplitKind.RANDOM and one.corpus == ALL_CORPORA
    ]
    header = (
        "protocol",
        "network",
        "task",
        "published, random split",
        "ours, random split",
        "ours, copies on both sides",
        "ours, by speaker (UAR)",
        "literature, random",
        "literature, by speaker",
    )
    listed = "".join(f"{number}. {source}\n" for number, source in enumerate(sources, start=1))
    return table(header, rows) + "\n" + listed


def _sources(results: Sequence[Result]) -> list[str]:
    cited = [one.source for result in results for one in PROTOCOLS[result.protocol].literature]
    return list(dict.fromkeys(cited))


def _row(
    protocol: Protocol, result: Result, random: Figures, sources: Sequence[str]
) -> tuple[str, ...]:
    is_emotion = random.task == "emotion"
    published = protocol.published.accuracy
    by_voice = _like(result, random, SplitKind.BY_SPEAKER)
    leaky = _like(result, random, SplitKind.LEAKY)
    return (
        f"`{protocol.name}`",
        random.architecture,
        random.task,
        f"{published:.4f}" if published is not None and is_emotion else NOT_KNOWN,
        f"{random.accuracy:.4f}",
        f"{leaky.accuracy:.4f}" if leaky else "",
        f"{by_voice.accuracy:.4f} ({by_voice.uar:.4f})" if by_voice else "",
        _cited(protocol, SplitKind.RANDOM, sources) if is_emotion else "",
        _cited(protocol, SplitKind.BY_SPEAKER, sources) if is_emotion else "",
    )


def _like(result: Result, figures: Figures, kind: SplitKind) -> Figures | None:
    """Return the same network's figures of the same task on another kind of split."""
    wanted = (figures.architecture, figures.task, figures.corpus, kind)
    return next(
        (f for f in result.figures if (f.architecture, f.task, f.corpus, f.kind) == wanted), None
    )


def _cited(protocol: Protocol, kind: SplitKind, sources: Sequence[str]) -> str:
    return "; ".join(
        f"{one.value:.3f}{' UAR' if one.metric == 'UAR' else ''} [{sources.index(one.source) + 1}]"
        for one in protocol.literature
        if one.kind is kind
    )
