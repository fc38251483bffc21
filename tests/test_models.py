import hashlib
import json
import shutil
from pathlib import Path

import msgspec
import pytest
from plugin import with_plugin
from small_recogniser import SmallUtteranceRecogniser

from intone import plugins, resources
from intone.core.card import parse_card, write_card
from intone.core.features import LogMelSettings, MfccSettings, SampleSettings
from intone.errors import ModelError, UnknownModel
from intone.models import ModelStore, load_model


@pytest.fixture
def folder(tmp_path):
    """A copy of the shipped model, to be spoilt."""
    copy = tmp_path / "models" / "gru"
    shutil.copytree(resources.models_dir() / "gru", copy)
    return copy


def edit(folder, **changes):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **changes}))


def test_the_shipped_model_is_what_its_card_says():
    model = ModelStore.load()["gru"]
    assert hashlib.sha256(model.content).hexdigest() == model.card.sha256
    assert model.card.emotions == (
        "neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised",
    )  # fmt: skip
    assert model.card.genders == ("female", "male")
    assert len(model.content) <= 500_000


def test_the_shipped_card_says_where_it_comes_from_and_how_good_it_is():
    card = ModelStore.load()["gru"].card
    assert card.training
    assert all(row.licence for row in card.training)
    assert "non-commercial" in card.licence
    figures = {(a.corpus, a.protocol, a.task, a.metric): a.value for a in card.accuracy}
    assert figures["ravdess", "5 folds by speaker", "emotion", "uar"] >= 0.60
    assert figures["ravdess", "5 folds by speaker", "gender", "accuracy"] >= 0.95
    assert any("random" in protocol for _, protocol, _, _ in figures)


def test_a_card_survives_the_round_trip():
    card = ModelStore.load()["gru"].card
    assert parse_card(write_card(card), "card.json") == card


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"coefficients": 13}, MfccSettings(coefficients=13)),
        ({"kind": "mfcc"}, MfccSettings()),
        ({"kind": "log-mel", "filters": 26}, LogMelSettings(filters=26)),
        ({"kind": "samples"}, SampleSettings()),
    ],
)
def test_a_card_says_which_features(folder, features, expected):
    edit(folder, features=features)
    card = load_model(folder).card
    assert load_model(str(folder)).card == card
    assert card.features == expected
    assert parse_card(write_card(card), "card.json") == card


def test_a_card_of_a_model_that_answers_at_the_end_survives_the_round_trip():
    gru = ModelStore.load()["gru"].card
    card = msgspec.structs.replace(gru, state_size=0, longest_frames=1_500)
    assert card.answers_at_end
    assert not gru.answers_at_end
    assert parse_card(write_card(card), "card.json") == card


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "utterance"}, "an utterance model's card gives longest_frames"),
        (
            {"state_size": 0, "longest_frames": 1_500},
            "a streaming model's card gives no longest_frames",
        ),
    ],
)
def test_a_kind_and_a_longest_that_do_not_fit_are_refused(folder, changes, message):
    edit(folder, **changes)
    with pytest.raises(ModelError, match=message):
        load_model(folder).new_recogniser()


def test_a_plugin_that_answers_otherwise_than_its_card_says_is_refused(folder, monkeypatch):
    monkeypatch.setattr(plugins, "load", lambda *_: lambda card, _: SmallUtteranceRecogniser(card))
    with pytest.raises(ModelError, match=r"card\.json: longest_frames is for kinds .* 'streaming'"):
        load_model(folder).new_recogniser()


def test_a_folder_of_the_same_name_takes_the_place_of_the_shipped_one(folder):
    edit(folder, description="mine")
    assert ModelStore.load(folder.parent)["gru"].card.description == "mine"


def test_an_unknown_name_is_refused_with_what_there_is():
    with pytest.raises(UnknownModel, match=r"'nope'.*gru"):
        ModelStore.load(names=("nope",))
    with pytest.raises(UnknownModel, match=r"'nope'.*gru"):
        ModelStore.load()["nope"]


def test_a_wrong_hash_names_the_file_and_both_hashes(folder):
    (folder / "model.tflite").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"model\.tflite: sha256 is .* the card says"):
        load_model(folder)


@pytest.mark.parametrize("name", ["card.json", "model.tflite"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelError, match=rf"{name}: No such file"):
        load_model(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "other"}, "name is 'other'"),
        ({"file": "../model.tflite"}, "must lie in the folder itself"),
        ({"block_frames": 0}, "block_frames"),
        ({"state_size": 0}, "state_size must be at least 1, or longest_frames be given"),
        ({"longest_frames": 1_500}, "takes the place of a state_size"),
        ({"state_size": 0, "longest_frames": 8}, "must hold a block"),
        ({"features": {"kind": "chroma"}}, "of kind mfcc, log-mel, samples, not 'chroma'"),
        ({"features": {"kind": 7}}, "of kind mfcc, log-mel, samples, not 7"),
        ({"features": 7}, "features must be an object"),
        ({"features": {"filters": "many"}}, "filters"),
        ({"features": {"kind": "log-mel", "filters": 0}}, "at least one filter"),
        ({"emotions": ["happy"]}, "two or more"),
        ({"emotions": ["happy", "sad", "happy"]}, "distinct"),
        ({"emotions": ["happy", "unsure"]}, "'unsure' is none"),
        ({"emotions": "happy"}, "emotions"),
        ({"surplus": 1}, "surplus"),
        ({"interims": "lstm"}, "interims of another model go with longest_frames"),
        ({"emotion_calibration": {"temperature": -1}}, "temperature"),
        ({"features": {"high_hz": 9_000}}, "high_hz"),
        ({"features": {"kind": "samples", "beyond_samples": -1}}, "beyond_samples of 0 to 16000"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(folder, changes, message):
    edit(folder, **changes)
    with pytest.raises(ModelError, match=message):
        load_model(folder)


def test_a_name_that_no_file_can_have_is_refused_in_words(folder):
    with pytest.raises(ModelError, match="no folder has such a name"):
        ModelStore.load(Path("a\0b"))
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "file": "m\0"}))
    with pytest.raises(ModelError, match="no file has such a name"):
        load_model(folder)


def test_a_card_that_is_not_json_is_refused(folder):
    (folder / "card.json").write_bytes(b"\xff{")
    with pytest.raises(ModelError, match=r"card\.json"):
        load_model(folder)


def test_a_file_that_is_no_model_is_refused_when_it_is_to_run(folder):
    content = b"TFL3 but no model" * 10
    (folder / "model.tflite").write_bytes(content)
    edit(folder, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match=r"gru/model\.tflite"):
        load_model(folder).new_recogniser()


def test_a_kind_that_nobody_runs_names_the_card(folder):
    edit(folder, kind="psychic")
    with pytest.raises(ModelError, match=r"gru/card\.json: kind: .*'psychic'"):
        load_model(folder).new_recogniser()


def test_a_kind_that_does_not_start_names_the_card_and_why(tmp_path, folder, monkeypatch):
    with_plugin(tmp_path, "recognisers", "def made(card, content): raise OSError('no such chip')")
    monkeypatch.syspath_prepend(tmp_path)
    edit(folder, kind="made")
    why = r"gru/card\.json: kind: 'made' does not start: OSError: no such chip"
    with pytest.raises(ModelError, match=why):
        load_model(folder).new_recogniser()


def test_a_model_of_other_widths_than_its_card_is_refused(folder):
    edit(folder, genders=["female", "male", "child"])
    with pytest.raises(ModelError, match="the card says"):
        load_model(folder).new_recogniser()


def at_end(tmp_path, name, **changes):
    """A copy of ``cnn`` called ``name``, in a folder of models of its own."""
    folder = tmp_path / "models" / name
    shutil.copytree(resources.models_dir() / "cnn", folder)
    edit(folder, name=name, **changes)
    return folder.parent


def test_interims_are_of_the_model_beside_before_that_of_another_folder(tmp_path):
    root = at_end(tmp_path, "mine", interims="gru")
    assert ModelStore.load(root)["mine"].interims.card == ModelStore.load()["gru"].card
    shutil.copytree(resources.models_dir() / "gru", root / "gru")
    edit(root / "gru", description="mine")
    store = ModelStore.load(root, ("mine", "pretrained"))
    assert store.names == ("pretrained", "mine")
    assert store["mine"].interims.card.description == "mine"
    assert store["pretrained"].interims.card.description != "mine"
    assert load_model(root / "mine").interims is None


@pytest.mark.parametrize(
    ("interims", "message"),
    [
        ("nope", r"mine/card\.json: interims: there is no model 'nope' here; there is: .*gru"),
        ("lstm", r"mine/card\.json: interims cannot be lstm's, whose labels are others"),
        ("cnn-bigru", r"mine/card\.json: interims cannot be cnn-bigru's"),
        ("mine", r"mine/card\.json: interims cannot be mine's"),
        *(
            (name, r"mine/card\.json: interims: there is no model ")
            for name in ("", ".", "../gru", "mine/../../gru", "_gru", "a" * 300, "gru\0")
        ),
    ],
)
def test_interims_that_do_not_fit_name_the_card_and_why(tmp_path, interims, message):
    root = at_end(tmp_path, "mine", interims=interims)
    with pytest.raises(ModelError, match=message):
        ModelStore.load(root)


def test_an_empty_folder_of_models_is_refused(tmp_path):
    with pytest.raises(ModelError, match="too long"):
        ModelStore.load(tmp_path / ("a" * 300))
    with pytest.raises(ModelError, match="no such folder"):
        ModelStore.load(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="no such folder"):
        ModelStore.load(Path(__file__))


def test_cards_are_read_strictly():
    with pytest.raises(ModelError, match="missing required field"):
        parse_card(msgspec.json.encode({"name": "gru"}), "card.json")
