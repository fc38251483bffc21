import shutil
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from lab_clips import make_clips, speak_corpus

from intone.models import ModelStore
from intone_lab.conditions import CLEAN, CONDITIONS
from intone_lab.corpora import find_clips
from intone_lab.listening import CHUNK_CLIPS, Listener, _pools, listener

if shutil.which("espeak-ng") is None:
    pytest.skip("espeak-ng is not installed", allow_module_level=True)

WORST = CONDITIONS["babble 5 dB"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpora")
    speak_corpus(root, actors=2, emotions=4)
    return find_clips(root)


@pytest.fixture(scope="module")
def model():
    return ModelStore.load()["gru"]


def same(one, other) -> bool:
    return one.unreadable == other.unreadable and all(
        a.clip == b.clip
        and (a.utterances, a.discarded, a.duration_ms) == (b.utterances, b.discarded, b.duration_ms)
        and np.array_equal(a.emotion, b.emotion)
        and np.array_equal(a.gender, b.gender)
        and np.array_equal(a.trail.ends_ms, b.trail.ends_ms)
        and np.array_equal(a.trail.emotion, b.trail.emotion)
        for a, b in zip(one.rows, other.rows, strict=True)
    )


def test_what_is_kept_is_what_was_heard(model, clips, tmp_path):
    first = Listener(clips, tmp_path).listen(model, clips, CLEAN)
    assert len(list(tmp_path.glob("*.npz"))) == 1
    assert same(first, Listener(clips, tmp_path).listen(model, clips, CLEAN))
    assert len(list(tmp_path.glob("*.npz"))) == 1


def test_the_card_s_calibration_does_not_change_what_is_heard(model, clips):
    said = Listener(clips).listen(model, clips[:2], CLEAN)
    assert model.card.gender_calibration.temperature != 1
    session_like = Listener(clips).listen(model, clips[1:2], CLEAN)
    assert np.array_equal(said.rows[1].gender, session_like.rows[0].gender)
    # Log-probabilities of the bare model: they sum to one before any temperature.
    assert np.exp(said.rows[0].gender).sum() == pytest.approx(1, abs=1e-5)


def test_a_card_that_feeds_the_model_otherwise_is_heard_anew(model, clips, tmp_path):
    ear = Listener(clips, tmp_path)
    ear.listen(model, clips, CLEAN)
    labels = model.card.emotions[::-1]
    turned = replace(model, card=msgspec.structs.replace(model.card, emotions=labels))
    assert ear.listen(turned, clips, CLEAN).emotions == labels
    assert len(list(tmp_path.iterdir())) == 2


def test_company_order_and_processes_do_not_matter(model, clips):
    alone = [Listener(clips).listen(model, [clip], WORST).rows[0] for clip in clips]
    together = Listener(clips).listen(model, clips, WORST)
    # Chunks of several processes: more clips than one holds.
    many = [clip for clip in clips for _ in range(CHUNK_CLIPS // len(clips) + 1)]
    with listener(clips, None, jobs=2) as ear:
        spread = ear.listen(model, many, WORST)
    for index, (clip, row) in enumerate(zip(clips, alone, strict=True)):
        assert np.array_equal(row.emotion, together.rows[index].emotion)
        copies = [other for other in spread.rows if other.clip == clip]
        assert len(copies) == len(many) // len(clips)
        assert all(np.array_equal(row.emotion, other.emotion) for other in copies)


def test_a_recording_that_was_replaced_is_heard_anew(model, clips, tmp_path):
    first = Listener(clips, tmp_path / "kept").listen(model, clips[:1], CLEAN)
    copy = tmp_path / clips[0].path.name
    shutil.copy(clips[3].path, copy)
    (changed,) = find_clips(tmp_path, ["ravdess"])
    assert changed.key == clips[0].key
    second = Listener(clips, tmp_path / "kept").listen(model, [changed], CLEAN)
    assert not np.array_equal(first.rows[0].emotion, second.rows[0].emotion)


def test_what_cannot_be_read_is_named_and_the_rest_is_heard(model, clips, tmp_path):
    for clip in clips:
        shutil.copy(clip.path, tmp_path / clip.path.name)
    broken = tmp_path / clips[2].path.name
    broken.write_bytes(b"RIFF no more")
    own = find_clips(tmp_path)
    with listener(own, tmp_path / "kept", jobs=1) as ear:
        found = ear.listen(model, own, WORST)
        again = ear.listen(model, own, WORST)
    assert len(found.rows) == len(clips) - 1
    assert len(found.unreadable) == 1
    assert str(broken) in found.unreadable[0]
    assert same(found, again)


def test_there_is_no_babble_of_a_single_speaker(model, clips):
    one = [clip for clip in clips if clip.speaker == clips[0].speaker]
    assert Listener(one).listen(model, one[:1], WORST).rows == ()
    assert len(Listener(one).listen(model, one[:1], CLEAN).rows) == 1
    # A speaker of few clips is among the voices all the same.
    assert len(Listener([*one, clips[-1]]).listen(model, one[:1], WORST).rows) == 1


def test_a_small_corpus_s_babble_is_made_of_all_its_clips():
    few = [clip for clip in make_clips("mine", women=2, men=0) if clip.emotion != "calm"]
    (pool,) = _pools(few).values()
    assert sorted(clip.key for clip in pool) == sorted(clip.key for clip in few)
