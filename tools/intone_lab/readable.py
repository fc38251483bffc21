"""Clips that can be decoded: checked once, so that a long run does not stumble over one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from intone_lab.corpora import Clip
from intone_lab.file_version import FileVersion, file_version
from intone_lab.health import Finding, Sound, Track, in_threads
from intone_lab.whole_files import write_whole


def part_readable(
    clips: Sequence[Clip],
    remembered: Path | None = None,
    track: Track = lambda results, _: results,
) -> tuple[list[Clip], list[Finding]]:
    """Part the clips that can be decoded, in their order, from what to say of the others.

    What was good is written to the file ``remembered``, if there is to be one, and not decoded
    again until it changes; ``track`` shows progress over those that must be.
    """
    good = {} if remembered is None else _read(remembered)
    versions = {clip: file_version(clip.path) for clip in clips}
    unknown = [
        clip for clip in clips if versions[clip] is None or good.get(_name(clip)) != versions[clip]
    ]
    results = list(track(in_threads(unknown), len(unknown))) if unknown else []
    findings = [result for result in results if isinstance(result, Finding)]
    for result in results:
        version = versions[result.clip] if isinstance(result, Sound) else None
        if isinstance(result, Sound) and version is not None:
            good[_name(result.clip)] = version
    if results and remembered is not None:
        _write(remembered, good)
    bad = {path for finding in findings for path in finding.paths}
    return [clip for clip in clips if clip.path not in bad], findings


def _name(clip: Clip) -> str:
    return str(clip.path.absolute())


def _read(remembered: Path) -> dict[str, FileVersion]:
    """Of each file that was decoded to its end, the version that it then was."""
    try:
        content = json.loads(remembered.read_text(encoding="utf-8"))
        return {name: (size, time_ns) for name, (size, time_ns) in content.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write(remembered: Path, good: dict[str, FileVersion]) -> None:
    remembered.parent.mkdir(parents=True, exist_ok=True)
    write_whole(remembered, json.dumps(good).encode())
