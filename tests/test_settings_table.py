"""``docs/settings.md`` is what the dataclasses say."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import get_type_hints

from intone.configuration import all_settings
from intone.settings import ServerSettings
from intone.settings_table import field_texts, markdown


def test_the_page_is_up_to_date(repo_root):
    page = (repo_root / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == markdown(), "run: python -m intone.settings_table > docs/settings.md"


def test_every_setting_is_on_it():
    page = markdown()
    for path, setting in all_settings().items():
        assert f"| `{path}` | `{setting.variable}` |" in page


def test_every_setting_says_what_it_is():
    def check(cls: type) -> None:
        texts = field_texts(cls)
        hints = get_type_hints(cls)
        for field in fields(cls):
            if is_dataclass(hints[field.name]):
                check(hints[field.name])
            else:
                assert texts.get(field.name), f"{cls.__name__}.{field.name}"

    check(ServerSettings)


def test_what_a_number_may_be_is_told():
    page = markdown()
    assert "`INTONE_ENDPOINTER_VAD_MODE` | 1 | 0 to 3 |" in page
    assert "`INTONE_LIMITS_DRAIN_S` | 10.0 | over 0 |" in page
    assert "`INTONE_HOST` | 127.0.0.1 |  |" in page
