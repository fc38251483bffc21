"""A comparison as a table of ratios."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from intone_bench.peers.rows import Row


def compare_table(rows: Sequence[Row]) -> Table:
    """Return a line a row; the first is intone's, to which the others are put in proportion."""
    table = Table("pipeline", "CPU ms/audio s", "of intone's", "intone carries", "what")
    table.title = "on one core"
    mine = rows[0].cost.cpu_ms_per_audio_s if rows[0].cost else None
    for row in rows:
        if row.cost is None:
            table.add_row(row.name, "-", "-", "-", row.missing)
            continue
        ms = row.cost.cpu_ms_per_audio_s
        ratio = ms / mine if mine else None
        note = "; ".join(filter(None, (row.cost.note, _parts(row))))
        table.add_row(
            row.name,
            f"{ms:.3g}",
            f"{ratio:.2f}" if ratio else "?",
            f"{ratio:.1f} times as many" if ratio and ratio > 1 and row is not rows[0] else "",
            note,
        )
    for column in table.columns[1:3]:
        column.justify = "right"
    return table


def _parts(row: Row) -> str:
    if row.cost is None or not row.cost.parts_ms:
        return ""
    return ", ".join(f"{name} {ms:.3g} ms" for name, ms in row.cost.parts_ms.items())
