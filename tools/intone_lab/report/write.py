"""``report.md``, its pictures and ``report.json``, from the numbers alone."""

from __future__ import annotations

from pathlib import Path

from intone_lab.report.accuracy_sections import by_protocol, quantisation, summary
from intone_lab.report.condition_section import conditions_section
from intone_lab.report.confidence_sections import calibration, seconds, speed
from intone_lab.report.markdown import section
from intone_lab.report.numbers import Numbers, write_json
from intone_lab.study import EvaluationProtocol

REPORT_FILE = "report.md"
JSON_FILE = "report.json"


def write_report(folder: Path, numbers: Numbers, settings: str = "") -> None:
    """Write everything into ``folder``; ``settings`` are the run's, as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [
        _head(numbers),
        summary(numbers),
        *by_protocol(numbers, folder),
        conditions_section(numbers, folder),
        calibration(numbers, folder),
        seconds(numbers, folder),
        quantisation(numbers),
        speed(numbers),
        _left_out(numbers),
        section("Settings", f"```json\n{settings}\n```\n") if settings else "",
    ]
    text = "\n".join(part for part in parts if part)
    (folder / REPORT_FILE).write_text(text, encoding="utf-8")
    write_json(folder / JSON_FILE, numbers)


def _head(numbers: Numbers) -> str:
    has_folds = bool(numbers.corpora(EvaluationProtocol.BY_SPEAKER))
    what = (
        "The shipped file is trained on all speakers of the folds; what it does on new voices is "
        "what the folds, each measured by the export that never heard its voices, estimate.\n"
        if has_folds
        else "The run that made this model was not given (`--runs`): only the shipped file is "
        "measured, on speakers that it was not trained on.\n"
    )
    return (
        f"# The `{numbers.model}` model: what was measured\n\n"
        "Written by `intone-lab`; every number is in `report.json` too. Figures are of exported "
        "int8 files unless they say float32, fed by the server's own core in 100 ms pieces. A "
        "clip counts by its longest utterance, its answer is the best of the emotions that "
        "its corpus holds, and a clip in which nothing was heard is wrong. UAR is the mean of the "
        f"classes' recalls.\n\n{what}\nModel file: {numbers.size_bytes / 1000:.0f} kB, "
        f"sha256 {numbers.sha256[:12]}….\n"
    )


def _left_out(numbers: Numbers) -> str:
    lines = [f"- {line}" for line in numbers.unreadable]
    if numbers.missing:
        lines.append(f"- {numbers.missing} clips of the run were not under the corpora's folder.")
    return section("Left out", "\n".join(lines) + "\n") if lines else ""
