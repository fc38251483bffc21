"""Figures of a protocol: against cases done by hand and against scikit-learn's own report."""

import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from lab_clips import make_clips

if find_spec("sklearn") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

from sklearn.metrics import classification_report as sklearn_report

from intone_lab.protocols.catalogue import PROTOCOLS
from intone_lab.protocols.figures import ALL_CORPORA, Figures, figures
from intone_lab.protocols.outcome import Answer, Outcome, read_outcome, write_outcome
from intone_lab.protocols.protocol import SplitKind
from intone_lab.protocols.report import classification_report, write_report
from intone_lab.protocols.result import Result, read_result, write_result
from intone_lab.protocols.running import Plan
from intone_lab.protocols.table import collect, published_table

TRUE = ["happy", "happy", "happy", "sad", "sad", "angry", "neutral", "neutral"]
SAID = ["happy", "happy", "angry", "sad", "happy", "angry", "neutral", "disgust"]


def outcome(kind: SplitKind, division: str, true=TRUE, said=SAID, corpus: str = "tess") -> Outcome:
    answers = tuple(
        Answer(
            f"{corpus}/{i}",
            1.0,
            corpus,
            f"{corpus}/{i % 2}",
            {"emotion": t},
            {"emotion": s},
            {"emotion": t},
        )
        for i, (t, s) in enumerate(zip(true, said, strict=True))
    )
    return Outcome("lstm", division, kind, 10, answers, 432_394, 454_000, 2.5)


def figures_of(*outcomes: Outcome, protocol: str = "tess-lstm") -> list[Figures]:
    return figures(PROTOCOLS[protocol], outcomes)


def test_figures_of_a_case_done_by_hand():
    (one,) = figures_of(outcome(SplitKind.RANDOM, "random"))
    assert one.accuracy == 5 / 8
    assert one.accuracy_by_keras == 1.0
    assert (one.clips, one.speakers) == (8, 2)
    # neutral 1/2, happy 2/3, sad 1/2, angry 1/1; disgust never occurs.
    assert one.uar == pytest.approx((1 / 2 + 2 / 3 + 1 / 2 + 1) / 4)
    assert one.labels == ["neutral", "happy", "sad", "angry", "disgust"]
    assert one.confusion == (
        (1, 0, 0, 0, 1),
        (0, 2, 0, 1, 0),
        (0, 1, 1, 0, 0),
        (0, 0, 0, 1, 0),
        (0, 0, 0, 0, 0),
    )
    happy = one.classes[1]
    assert (happy.precision, happy.recall, happy.f1, happy.support) == pytest.approx(
        (2 / 3, 2 / 3, 2 / 3, 3)
    )


def test_the_classification_report_is_scikit_learns():
    (one,) = figures_of(outcome(SplitKind.RANDOM, "random"))
    theirs = sklearn_report(TRUE, SAID, labels=one.labels, digits=4, zero_division=0.0)
    ours = [line.split() for line in classification_report(one).splitlines()]
    expected = [line.split() for line in theirs.splitlines()]
    # The mean over classes leaves out what never occurs; theirs counts it as 0.
    kept = [i for i, words in enumerate(expected) if words[:2] != ["macro", "avg"]]
    assert len(ours) == len(expected)
    assert [ours[i] for i in kept] == [expected[i] for i in kept]


def test_folds_are_pooled_and_told_apart():
    one, two = (outcome(SplitKind.BY_SPEAKER, name) for name in ("fold1", "fold2"))
    perfect = outcome(SplitKind.BY_SPEAKER, "fold3", TRUE, TRUE)
    (pooled,) = figures_of(one, two, perfect)
    assert pooled.clips == 24
    assert pooled.accuracy == (5 + 5 + 8) / 24
    assert pooled.accuracy_by_division == {"fold1": 5 / 8, "fold2": 5 / 8, "fold3": 1.0}


def test_every_corpus_of_a_pool_has_its_own_figures():
    random = SplitKind.RANDOM
    mixed = outcome(random, "random")
    savee = outcome(random, "random", TRUE, TRUE, corpus="savee")
    both = Outcome("lstm", "random", random, 10, mixed.answers + savee.answers, 1, 1, 1.0)
    found = {one.corpus: one for one in figures_of(both, protocol="four-corpora")}
    assert set(found) == {ALL_CORPORA, "tess", "savee"}
    assert found["savee"].accuracy == 1.0
    assert found[ALL_CORPORA].accuracy == (5 + 8) / 16


def test_an_outcome_is_read_back_as_it_was_written(tmp_path):
    one = outcome(SplitKind.LEAKY, "leaky")
    write_outcome(tmp_path / "x.json", one)
    assert read_outcome(tmp_path / "x.json") == one
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def result_of(*, is_trial: bool = False) -> Result:
    own = (outcome(SplitKind.RANDOM, "random"), outcome(SplitKind.BY_SPEAKER, "fold1", TRUE, TRUE))
    settings = PROTOCOLS["tess-lstm"].settings(1)
    return Result(
        "tess-lstm", is_trial, settings, {"tess": 8}, tuple(figures_of(*own)),
        {"lstm": 432_394}, {"lstm": 454_000}, {"lstm": 2.5},
    )  # fmt: skip


def test_the_report_shows_both_splits_with_matrix_and_picture(tmp_path: Path):
    text = write_report(tmp_path, PROTOCOLS["tess-lstm"], result_of())
    assert (tmp_path / "report.md").read_text() == text
    assert "| lstm | emotion | random | 8 | 2 | 0.6250 |" in text
    assert "| lstm | emotion | by speaker | 8 | 2 | 1.0000 |" in text
    assert "trial" not in text
    for name in ("confusion-lstm-emotion-random.png", "confusion-lstm-emotion-by-speaker.png"):
        assert f"]({name})" in text
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_trial_says_that_it_is_one(tmp_path):
    text = write_report(tmp_path, PROTOCOLS["tess-lstm"], result_of(is_trial=True))
    assert "**A trial of 50 epochs where the protocol has 50: its figures" in text


def test_a_trial_without_its_teacher_says_so_and_leaves_the_protocols_report_alone(tmp_path):
    protocol = PROTOCOLS["tess-lstm"]
    taught = replace(protocol, recipe=replace(protocol.recipe, teacher_weight=2.0))
    text = write_report(tmp_path, taught, result_of(is_trial=True))
    assert "the protocol has 50, without the teacher: its figures" in text
    outs = {
        Plan(one, taught.recipe, (), tmp_path, seed=1, jobs=1).out
        for one in (taught, protocol, replace(taught, recipe=replace(taught.recipe, epochs=1)))
    }
    own = tmp_path / "reproduce" / "tess-lstm"
    assert outs == {own, own / "trial-of-50-epochs-without-teacher", own / "trial-of-1-epochs"}
    never_taught = replace(protocol, recipe=replace(protocol.recipe, epochs=2))
    plan = Plan(never_taught, protocol.recipe, (), tmp_path, seed=1, jobs=1)
    assert plan.out == own / "trial-of-2-epochs"


def test_the_table_has_what_was_run_in_full_and_nothing_else(tmp_path):
    folder = tmp_path / "reproduce" / "tess-lstm"
    write_result(folder / "trial-of-1-epochs", result_of(is_trial=True))
    assert collect(tmp_path) == []
    write_result(folder, result_of())
    assert collect(tmp_path) == [read_result(folder / "result.json")]
    table = published_table(collect(tmp_path))
    (row,) = [line for line in table.splitlines() if "tess-lstm" in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:4] == ["`tess-lstm`", "lstm", "emotion", "not known"]
    assert cells[4] == "0.6250"
    assert cells[6] == "1.0000 (1.0000)"
    # What the row cites is listed below it.
    cited = {int(number) for number in re.findall(r"\[(\d+)\]", row)}
    listed = {int(number) for number in re.findall(r"^(\d+)\. ", table, re.MULTILINE)}
    assert cited
    assert cited == listed


def test_a_recording_that_was_replaced_makes_another_run_of_a_protocol(tmp_path):
    protocol = next(iter(PROTOCOLS.values()))
    clip = replace(make_clips("ravdess", women=1, men=0)[0], path=tmp_path / "a.wav")
    folders = set()
    for content in (b"one", b"another"):
        clip.path.write_bytes(content)
        folders.add(Plan(protocol, protocol.recipe, (clip,), tmp_path, seed=1, jobs=1).folder)
    assert len(folders) == 2
