"""What a result looks like as a table, JSON lines and CSV."""

from __future__ import annotations

import csv
import json

import pytest

from intone.cli.output import make_format, to_line
from intone.types import Decision, EndReason, UtteranceInterim, UtteranceResult

EMOTION = Decision("sad", 0.71234567, {"happy": 0.28765433, "sad": 0.71234567})
GENDER = Decision("unsure", 0.5, {"female": 0.5, "male": 0.5})
RESULT = UtteranceResult(3, 1, 1_240, 2_000, EndReason.SILENCE, EMOTION, GENDER, "gru")
INTERIM = UtteranceInterim(3, 1, 1_240, 1_740, EMOTION, GENDER)


def formatted(name: str, event=RESULT, *, file="a, b.wav", with_interims=False):
    line_format = make_format(
        name, [file], ("happy", "sad"), ("female", "male"), with_interims=with_interims
    )
    line = to_line(file, event, "gru", with_interims=with_interims)
    return line_format.header(), line_format.row(line)


def test_json_lines_have_the_documented_fields_in_order():
    header, row = formatted("jsonl")
    assert header is None
    fields = json.loads(row)
    assert list(fields) == ["file", "channel", "start_ms", "end_ms", "emotion", "gender", "model"]
    assert fields["emotion"] == {
        "label": "sad",
        "confidence": 0.7123,
        "scores": {"happy": 0.2877, "sad": 0.7123},
    }
    assert fields["gender"]["label"] == "unsure"


@pytest.mark.parametrize(("event", "kind"), [(RESULT, "result"), (INTERIM, "interim")])
def test_with_interims_each_line_says_which_it_is(event, kind):
    assert json.loads(formatted("jsonl", event, with_interims=True)[1])["event"] == kind
    header, row = formatted("csv", event, with_interims=True)
    assert header.endswith(",event")
    assert row.endswith(f",{kind}")


def test_csv_is_flat_with_one_column_a_score():
    header, row = formatted("csv")
    (cells,) = csv.DictReader([header, row])
    assert cells == {
        "file": "a, b.wav",
        "channel": "1",
        "start_ms": "1240",
        "end_ms": "2000",
        "emotion": "sad",
        "emotion_confidence": "0.7123",
        "emotion_happy": "0.2877",
        "emotion_sad": "0.7123",
        "gender": "unsure",
        "gender_confidence": "0.5",
        "gender_female": "0.5",
        "gender_male": "0.5",
        "model": "gru",
    }


def test_the_table_keeps_its_columns_and_the_end_of_a_long_name():
    header, row = formatted("table", file="recordings/of/many/days/" * 4 + "last.wav")
    assert "last.wav" in row
    assert "…" in row
    assert "71%" in row
    start = header.replace("\x1b[1m", "").index("start s")
    assert row[start - 1 : start + 7].strip() == "1.24"
