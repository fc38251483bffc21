"""What a core is found to multiply by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from intone_lab.one_core import multiplies_bfloat16


@pytest.mark.parametrize(
    ("content", "does"),
    [
        ("model name\t: one\nflags\t\t: fpu avx512f avx512_bf16\n\nflags\t\t: fpu\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("flags\t\t: fpu avx512f\nbugs\t\t: avx512_bf16\n", False),
        ("Features\t: fp asimd bf16\n", False),
        ("", False),
    ],
)
def test_products_of_bfloat16_are_read_from_linux(tmp_path: Path, content: str, does: bool) -> None:
    about = tmp_path / "cpuinfo"
    about.write_text(content)
    assert multiplies_bfloat16(about) is does


def test_where_nothing_tells_none_are_taken(tmp_path: Path) -> None:
    assert not multiplies_bfloat16(tmp_path / "not there")
