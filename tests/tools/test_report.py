import dataclasses
import re
from dataclasses import replace
from importlib.util import find_spec

import msgspec
import numpy as np
import pytest
from lab_clips import heard, make_clips

from intone.core.decision import Calibration, decide
from intone.models import ModelStore
from intone_lab.benchmark import Speed
from intone_lab.catalogue import CORPORA, EMOTIONS, GENDERS
from intone_lab.development import DEVELOPMENT_SPEAKERS
from intone_lab.evaluation import Head, Listened, Trail
from intone_lab.metrics import FEWEST_SPEAKERS
from intone_lab.report.confidence import by_speaker, calibration_corpora, confidences, fit
from intone_lab.report.figures import accuracies, head_figures
from intone_lab.report.numbers import numbers, read_json
from intone_lab.report.seconds import interims, moment
from intone_lab.run_record import Weights
from intone_lab.study import UNTAUGHT, EvaluationProtocol, Part, Study

FOLDS = 5
RAVDESS = make_clips("ravdess", women=5, men=5, takes=2)
SAVEE = [clip for clip in make_clips("savee", women=0, men=4) if clip.emotion != "calm"]


def said_of(clip, rng, *, right: float):
    """Logits that favour the truth as often as ``right``; sometimes nothing is heard."""
    if rng.random() < 0.02:
        return heard(clip, None)
    emotion = clip.emotion if rng.random() < right else str(rng.choice(EMOTIONS))
    row = heard(clip, emotion, clip.gender)
    scores = row.emotion + rng.normal(0, 1, 8).astype("f4")
    ends = np.arange(800, 2_400, 160, dtype="i4")
    trail = Trail(ends, np.stack([scores + rng.normal(0, 1, 8).astype("f4") for _ in ends]))
    return dataclasses.replace(row, emotion=scores, duration_ms=2_500, trail=trail)


def listened(clips, seed, right=0.7):
    rng = np.random.default_rng(seed)
    return Listened(EMOTIONS, GENDERS, tuple(said_of(clip, rng, right=right) for clip in clips))


def fold_parts(condition="clean", weights=Weights.INT8, right=0.7):
    clips = RAVDESS + SAVEE
    speakers = sorted({clip.speaker for clip in clips})
    for fold in range(FOLDS):
        own = [clip for clip in clips if speakers.index(clip.speaker) % FOLDS == fold]
        name = f"fold{fold + 1}"
        yield Part(
            EvaluationProtocol.BY_SPEAKER, name, condition, weights, listened(own, fold, right)
        )


@pytest.fixture(scope="module")
def card():
    return ModelStore.load()["gru"].card


@pytest.fixture(scope="module")
def study(card):
    stranger = make_clips("crema_d", women=3, men=3)
    parts = [
        *fold_parts(),
        *fold_parts("telephone", right=0.5),
        *fold_parts(weights=Weights.FLOAT32),
        Part(
            EvaluationProtocol.AT_RANDOM,
            "random",
            "clean",
            Weights.INT8,
            listened(RAVDESS[:40], 7, 0.9),
        ),
        Part(
            EvaluationProtocol.STRANGE_CORPUS,
            "final",
            "clean",
            Weights.INT8,
            listened(stranger, 8, 0.4),
        ),
    ]
    chosen_on = frozenset({"ravdess/female1", "ravdess/male1"})
    return Study(card, 123_456, tuple(parts), development=chosen_on, stream_gap=1e-6)


def test_every_head_corpus_protocol_and_condition_has_its_line(study):
    found = {(f.protocol, f.corpus, f.condition, f.weights) for f in head_figures(study)}
    by_speaker, clean, int8 = EvaluationProtocol.BY_SPEAKER, "clean", Weights.INT8
    assert found == {
        (by_speaker, "ravdess", clean, int8),
        (by_speaker, "ravdess", "telephone", int8),
        (by_speaker, "ravdess", clean, Weights.FLOAT32),
        (by_speaker, "savee", clean, int8),
        (by_speaker, "savee", "telephone", int8),
        (by_speaker, "savee", clean, Weights.FLOAT32),
        (EvaluationProtocol.AT_RANDOM, "ravdess", clean, int8),
        (EvaluationProtocol.STRANGE_CORPUS, "crema_d", clean, int8),
    }


def test_a_line_adds_up(study):
    for line in head_figures(study):
        counts = np.array(line.confusion)
        assert counts.sum() == line.clips
        assert counts[:, -1].sum() == line.nothing_heard
        assert line.figures.accuracy == pytest.approx(np.trace(counts) / line.clips)
        assert sum(row.support for row in line.classes) == line.clips
        # Three speakers, or four, would tell little of what others would come to.
        assert (line.intervals is None) == (line.speakers < FEWEST_SPEAKERS)
        if line.intervals is not None:
            low, high = line.intervals.uar
            assert low <= line.figures.uar <= high


def test_those_on_whom_settings_were_chosen_are_left_out_of_a_line(study):
    found = numbers(study).without_development
    assert {line.corpus for line in found} == {"ravdess"}
    of_all = next(line for line in head_figures(study) if line.corpus == "ravdess")
    of_two = sum(c.speaker in study.development for c in RAVDESS)
    assert of_two
    for line in found:
        assert line.clips == of_all.clips - of_two
        assert line.speakers == of_all.speakers - 2


def test_settings_were_chosen_on_people_of_the_published_corpora():
    corpora = {name.partition("/")[0] for name in DEVELOPMENT_SPEAKERS}
    assert corpora == {"ravdess", "crema_d", "emodb"}
    assert len(DEVELOPMENT_SPEAKERS) == 36


def test_a_corpus_of_seven_emotions_is_measured_among_seven(study):
    line = next(f for f in head_figures(study) if f.corpus == "savee" and f.head is Head.EMOTION)
    assert line.labels == tuple(name for name in EMOTIONS if name != "calm")
    assert line.uar_among_all <= line.figures.uar


def test_a_stray_clip_of_another_label_counts_for_nothing(card):
    """One in two hundred, of a corpus without calm: a class would be an eighth of the UAR."""
    said = [heard(clip, clip.emotion, "male") for clip in SAVEE] * (200 // len(SAVEE))
    stray = heard(replace(SAVEE[0], emotion="calm"), "angry", "male")
    listened = Listened(EMOTIONS, GENDERS, (*said, stray))
    study = Study(
        card, 1, (Part(EvaluationProtocol.BY_SPEAKER, "fold1", "clean", Weights.INT8, listened),)
    )
    line = next(line for line in head_figures(study) if line.head is Head.EMOTION)
    assert "calm" not in line.labels
    assert line.uar_among_all == line.figures.uar == 1.0


def test_a_figure_says_how_many_clips_and_speakers_it_is_of(card):
    """Not how many were listened to: some say nothing about the emotion."""
    speakers = sorted({clip.speaker for clip in SAVEE})
    said = [
        heard(
            clip if clip.speaker in speakers[:2] else replace(clip, emotion=None), "happy", "male"
        )
        for clip in SAVEE
    ]
    listened = Listened(EMOTIONS, GENDERS, tuple(said))
    study = Study(
        card, 1, (Part(EvaluationProtocol.BY_SPEAKER, "fold1", "clean", Weights.INT8, listened),)
    )
    emotion, gender = head_figures(study)
    labelled = sum(clip.speaker in speakers[:2] for clip in SAVEE)
    assert (emotion.speakers, emotion.clips, emotion.one_utterance) == (2, labelled, labelled)
    assert (gender.speakers, gender.clips) == (len(speakers), len(SAVEE))


def test_of_men_alone_a_woman_can_be_said_all_the_same(card):
    said = [
        heard(clip, clip.emotion, "female" if clip.name[4] == "0" else "male") for clip in SAVEE
    ]
    listened = Listened(EMOTIONS, GENDERS, tuple(said))
    study = Study(
        card, 1, (Part(EvaluationProtocol.BY_SPEAKER, "fold1", "clean", Weights.INT8, listened),)
    )
    gender = next(line for line in head_figures(study) if line.head is Head.GENDER)
    assert gender.labels == GENDERS
    assert gender.figures.accuracy == pytest.approx(3 / 4)
    assert gender.figures.uar == pytest.approx(3 / 4)
    assert [row.label for row in gender.classes] == ["male"]


def test_the_card_s_rows_are_named_as_the_readme_looks_for_them(study):
    rows = {(r.corpus, r.protocol.split()[0], r.task, r.metric) for r in accuracies(study)}
    assert rows == {
        (corpus, protocol, task, metric)
        for corpus, protocol in (
            ("ravdess", "5"),
            ("savee", "5"),
            ("ravdess", "random"),
            ("crema_d", "a"),
        )
        for task, metric in (("emotion", "uar"), ("emotion", "accuracy"), ("gender", "accuracy"))
    } | {("ravdess", "5", "emotion", "ece")}


def test_a_corpus_that_lacks_labels_has_no_part_in_the_calibration(study):
    # SAVEE has no calm, and no women.
    assert calibration_corpora(study) == ("ravdess",)
    alone = Study(study.card, 1, tuple(part_of(part, "ravdess") for part in study.parts))
    assert fit(study, Head.EMOTION) == fit(alone, Head.EMOTION)


def part_of(part, corpus):
    return dataclasses.replace(part, listened=part.listened.of(corpus))


def test_a_head_that_nothing_taught_is_neither_measured_nor_believed(study):
    untaught = msgspec.structs.replace(study.card, gender_calibration=UNTAUGHT)
    without = replace(study, card=untaught)
    assert {line.head for line in head_figures(study)} == set(Head)
    assert {line.head for line in head_figures(without)} == {Head.EMOTION}
    assert {line.head for line in confidences(without)} == {Head.EMOTION}
    assert fit(without, Head.GENDER) == UNTAUGHT
    assert fit(without, Head.EMOTION) == fit(study, Head.EMOTION)
    assert {row.task for row in accuracies(without)} == {"emotion"}
    said = decide(np.zeros(2, "f4"), GENDERS, untaught.gender_calibration)
    assert said.label == "unsure"


def test_no_fold_s_answers_depend_on_its_own_truth(study):
    before = by_speaker(study, Head.EMOTION, ("ravdess",))
    first = study.parts[0].listened
    wrong = [
        dataclasses.replace(row, clip=dataclasses.replace(row.clip, emotion="calm"))
        for row in first.rows
    ]
    changed = dataclasses.replace(first, rows=tuple(wrong))
    parts = (dataclasses.replace(study.parts[0], listened=changed), *study.parts[1:])
    after = by_speaker(dataclasses.replace(study, parts=parts), Head.EMOTION, ("ravdess",))
    own = sum(row.emotion is not None for row in first.of("ravdess").rows)
    assert np.array_equal(before.said[:own], after.said[:own])
    assert not np.array_equal(before.said[own:], after.said[own:])


def test_strangers_are_calibrated_by_the_card(study):
    flat = msgspec.structs.replace(study.card, emotion_calibration=Calibration(50.0, 0.5))
    lines = confidences(dataclasses.replace(study, card=flat))
    stranger = next(x for x in lines if x.corpus == "crema_d" and x.head is Head.EMOTION)
    assert stranger.answered == 0.0
    assert all(b.confidence < 0.2 for b in stranger.bins_after)
    assert any(b.confidence > 0.5 for b in stranger.bins_before)


# --- seconds ----------------------------------------------------------------------------


def talk(clip, duration_ms, ends_ms, labels, last):
    """An utterance whose interims name ``labels`` one after the other."""
    row = heard(clip, last)
    trail = np.stack([heard(clip, label).emotion for label in labels]) if labels else None
    found = Trail(np.array(ends_ms, "i4"), trail) if labels else None
    return dataclasses.replace(row, duration_ms=duration_ms, trail=found)


@pytest.fixture
def happy_and_sad():
    happy = next(clip for clip in RAVDESS if clip.emotion == "happy")
    sad = next(clip for clip in RAVDESS if clip.emotion == "sad")
    return Listened(
        EMOTIONS,
        GENDERS,
        (
            talk(happy, 2_000, (800, 1_120, 1_600), ("sad", "sad", "happy"), "happy"),
            talk(sad, 900, (), (), "sad"),
        ),
    )


def test_the_answer_at_hand_is_the_last_interim_or_the_result(happy_and_sad):
    points = {ms: moment(happy_and_sad, ms) for ms in (500, 900, 1_599, 1_600, None)}
    told = {ms: (m.answered, m.ended, m.uar) for ms, m in points.items()}
    assert told == {
        500: (0.0, 0.0, None),
        900: (1.0, 0.5, 0.5),
        1_599: (1.0, 0.5, 0.5),
        1_600: (1.0, 0.5, 1.0),
        None: (1.0, 1.0, 1.0),
    }


def test_first_interim_and_flips(happy_and_sad):
    told = interims(happy_and_sad.rows)
    assert told.utterances == 2
    assert told.without == 0.5
    assert told.first_ms_median == 800
    # Sad at 800 and 1,120 ms, happy from 1,600 ms and in the result: one change.
    assert told.flips_mean == 1.0
    assert told.steady == 0.0


# --- what is written --------------------------------------------------------------------


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_the_report_has_every_part_and_every_picture(study, tmp_path):
    from intone_lab.report.write import write_report

    speeds = [Speed("ai-edge-litert", "3.11.7", "int8", n, 2.0, 5.0 - n / 32) for n in (1, 8, 32)]
    found = numbers(study, speeds, ["python9: not there"])
    write_report(tmp_path, found, '{"seed": 1}')
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", report, flags=re.MULTILINE)
    assert titles == [
        "In short",
        "5 folds by speaker: voices never heard",
        "Random split: the same voices on both sides",
        "The shipped file on corpora never trained on",
        "Telephone, noise and level",
        "Calibration",
        "Seconds heard",
        "int8 against float32",
        "Size and speed",
        "Settings",
    ]
    assert report.count("### 5 folds by speaker: voices never heard") == 1
    shown = re.findall(r"!\[(.+)\]\((.+\.png)\)", report)
    assert {name for _, name in shown} == {path.name for path in tmp_path.glob("*.png")}
    assert len(shown) == 8
    for rows in re.findall(r"(?:^\|.*\|\n)+", report, flags=re.MULTILINE):
        assert len({line.count("|") for line in rows.splitlines()}) == 1
    assert CORPORA["ravdess"].name in report
    assert "python9: not there" in report
    others = len({clip.speaker for clip in RAVDESS}) - 2
    assert f"ravdess, UAR of the {others} speakers besides those on whom settings were" in report
    assert "savee, UAR of the" not in report
    assert read_json(tmp_path / "report.json") == found


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_a_model_without_interims_and_without_folds_has_a_report(study, tmp_path):
    from intone_lab.report.write import write_report

    stranger = study.parts[-1].listened
    silent = tuple(dataclasses.replace(row, trail=None) for row in stranger.rows)
    part = dataclasses.replace(study.parts[-1], listened=Listened(EMOTIONS, GENDERS, silent))
    found = numbers(Study(study.card, 1, (part,)))
    assert found.courses == ()
    write_report(tmp_path, found)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "`--runs`" in report
    assert "Seconds heard" not in report
    assert "fitted on other speakers" in report
