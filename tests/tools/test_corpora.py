"""The corpora are read as published; a name that says nothing is reported, never guessed."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from intone_lab.catalogue import CORPORA, EMOTIONS, GENDERS, CorpusError
from intone_lab.corpora import (
    SAME_RECORDING,
    Clip,
    emotions_present,
    find_clips,
    read_audio,
    survey,
)

PUBLISHED = {
    "Audio_Speech_Actors_01-24/Actor_01/03-01-06-02-01-02-01.wav": (
        "ravdess", "ravdess/01", "male", "fearful", "01",
    ),
    "Audio_Speech_Actors_01-24/Actor_24/03-01-02-01-02-01-24.wav": (
        "ravdess", "ravdess/24", "female", "calm", "02",
    ),
    "CREMA-D/AudioWAV/1001_IEO_ANG_LO.wav": (
        "crema_d", "crema_d/1001", "male", "angry", "IEO",
    ),
    "CREMA-D/AudioWAV/1002_TSI_NEU_XX.wav": (
        "crema_d", "crema_d/1002", "female", "neutral", "TSI",
    ),
    "SAVEE/AudioData/KL/sa01.wav": ("savee", "savee/KL", "male", "sad", "sa01"),
    "SAVEE/AudioData/DC/su15.wav": ("savee", "savee/DC", "male", "surprised", "su15"),
    "TESS/OAF_Pleasant_surprise/OAF_back_ps.wav": (
        "tess", "tess/OAF", "female", "surprised", "back",
    ),
    "TESS/OAF_neutral/OA_bite_neutral.wav": ("tess", "tess/OAF", "female", "neutral", "bite"),
    "TESS/YAF_fear/YAF_dog_fear.wav": ("tess", "tess/YAF", "female", "fearful", "dog"),
    "emodb/wav/03a01Fa.wav": ("emodb", "emodb/03", "male", "happy", "a01"),
    "emodb/wav/16b10Lb.wav": ("emodb", "emodb/16", "female", None, "b10"),
}  # fmt: skip

ACTORS = '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","",""\n1002,21,"Female","",""\n'


def plant(root: Path, *names: str) -> Path:
    """Make files of these names; what is in them no survey asks."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


@pytest.fixture
def published(tmp_path):
    plant(tmp_path, *PUBLISHED)
    (tmp_path / "CREMA-D" / "VideoDemographics.csv").write_text(ACTORS, encoding="utf-8")
    return tmp_path


def told(clip):
    return (clip.corpus, clip.speaker, clip.gender, clip.emotion, clip.sentence)


def test_published_names_say_speaker_gender_emotion_and_sentence(published):
    found = {
        clip.path.relative_to(published).as_posix(): told(clip) for clip in survey(published).clips
    }
    assert found == PUBLISHED


def test_clips_are_sorted_and_nothing_is_skipped(published):
    found = survey(published)
    order = [(clip.corpus, clip.speaker, clip.name) for clip in found.clips]
    assert order == sorted(order)
    assert found.skipped == ()
    assert survey(published) == found


def test_a_clip_has_the_same_key_in_every_layout(tmp_path):
    nested = plant(tmp_path / "published", "AudioData/DC/a01.wav", "OAF_Fear/OAF_Back_fear.wav")
    flat = plant(tmp_path / "copied", "DC_a01.opus", "OAF_back_fear.flac")
    keys = [clip.key for clip in survey(nested).clips]
    assert (
        keys == [clip.key for clip in survey(flat).clips] == ["savee/DC_a01", "tess/OAF_back_fear"]
    )


def test_some_of_the_corpora_can_be_asked_for(published):
    assert {clip.corpus for clip in find_clips(published, ["tess", "emodb"])} == {"tess", "emodb"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("song/Actor_01/03-02-06-02-01-02-01.wav", "song"),
        ("video/Actor_01/01-01-06-02-01-02-01.wav", "video"),
        ("ravdess/03-01-09-02-01-02-01.wav", "no corpus"),
        ("crema/1001_IEO_JOY_LO.wav", "no emotion JOY"),
        ("crema/1001_IEO_HAP_LO.wav", "sex"),
        ("savee/XX/a01.wav", "no corpus"),
        ("tess/OAF_back_bored.wav", "no corpus"),
        ("emodb/99a01Fa.wav", "no corpus"),
        ("noise/rain.wav", "no corpus"),
        ("copy/DC_a02.wav", "another copy"),
    ],
)
def test_what_is_no_clip_is_reported_with_its_reason(tmp_path, name, reason):
    plant(tmp_path, "AudioData/DC/a02.wav", name)
    found = survey(tmp_path)
    assert [clip.key for clip in found.clips] == ["savee/DC_a02"]
    assert len(found.skipped) == 1
    assert reason in found.skipped[0].reason


def test_skipped_files_are_logged_a_line_a_reason(tmp_path, caplog):
    plant(tmp_path, "AudioData/DC/a01.wav", "noise/rain.wav", "noise/street.wav")
    with caplog.at_level(logging.WARNING):
        find_clips(tmp_path)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "skipped 2 files" in caplog.text
    assert "rain.wav" in caplog.text


def test_other_files_and_mac_leftovers_are_not_looked_at(tmp_path):
    plant(tmp_path, "DC_a01.wav", "._DC_a02.wav", "readme.txt", "DC_a03.mp4")
    found = survey(tmp_path)
    assert [clip.key for clip in found.clips] == ["savee/DC_a01"]
    assert not found.skipped


def test_the_table_of_actors_is_found_above_the_sound_folder(published):
    clips = find_clips(published / "CREMA-D" / "AudioWAV")
    assert [clip.gender for clip in clips] == ["male", "female"]


VOTES = """"","A","D","F","H","N","S","fileName","numResponses"
"100001",6,0,1,0,3,0,"1001_IEO_ANG_LO",10
"200001",0,0,0,9,0,1,"1001_IEO_ANG_LO",10
"100002",0,0,0,0,0,0,"1002_TSI_NEU_XX",0
"""


def perceived(clips):
    found = {clip.name: clip.perceived for clip in clips if clip.corpus == "crema_d"}
    return {
        name: shares and dict(zip(EMOTIONS, shares, strict=True)) for name, shares in found.items()
    }


HEARD = {
    "neutral": 0.3, "calm": 0.0, "happy": 0.0, "sad": 0.0, "angry": 0.6, "fearful": 0.1,
    "disgust": 0.0, "surprised": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("root", ["", "CREMA-D", "CREMA-D/AudioWAV"])
def test_what_listeners_heard_in_the_voice_alone_is_read_where_it_was_published(published, root):
    table = published / "CREMA-D" / "processedResults" / "tabulatedVotes.csv"
    table.parent.mkdir()
    table.write_text(VOTES, encoding="utf-8")
    assert perceived(find_clips(published / root)) == {
        "1001_IEO_ANG_LO": HEARD,
        "1002_TSI_NEU_XX": None,
    }


def test_a_table_of_votes_may_hold_the_voice_alone(published):
    assert set(perceived(find_clips(published)).values()) == {None}
    table = "fileName,A,D,F,H,N,S\n1001_IEO_ANG_LO,6,0,1,0,3,0\n"
    (published / "voice_votes.csv").write_text(table, encoding="utf-8")
    assert perceived(find_clips(published))["1001_IEO_ANG_LO"] == HEARD


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("VideoDemographics.csv", "a,b\n1,2\n", "has no columns ActorID and Sex"),
        ("voice_votes.csv", "a,b\n1,2\n", "has no columns fileName, A, D, F, H, N and S"),
        (
            "voice_votes.csv",
            "fileName,A,D,F,H,N,S\n1001_IEO_ANG_LO,6,0,1,many,3,0\n",
            "the votes on 1001_IEO_ANG_LO are no numbers",
        ),
        (
            "voice_votes.csv",
            "fileName,A,D,F,H,N,S\n1001_IEO_ANG_LO,6\n",
            "the votes on 1001_IEO_ANG_LO are no numbers",
        ),
    ],
)
def test_a_table_that_cannot_be_read_is_named(published, name, content, message):
    (published / "CREMA-D" / name).write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=rf"{name}:? {message}"):
        survey(published)


def test_asking_for_what_is_not_there_is_an_error(tmp_path, published):
    with pytest.raises(CorpusError, match="not a folder"):
        find_clips(tmp_path / "absent")
    with pytest.raises(CorpusError, match="no corpus iemocap; there are ravdess"):
        find_clips(published, ["iemocap"])
    with pytest.raises(CorpusError, match="no clips of emodb"):
        find_clips(published / "TESS", ["tess", "emodb"])
    with pytest.raises(CorpusError, match="no clips of any corpus"):
        find_clips(plant(tmp_path / "empty", "rain.wav"))


def test_stray_clips_are_no_class_and_a_small_corpus_has_its_own(tmp_path):
    def present(**counts):
        clips = [
            Clip(tmp_path, "mine", "mine/Ann", "female", emotion, str(i), f"{emotion}{i}")
            for emotion, count in counts.items()
            for i in range(count)
        ]
        return emotions_present(clips)["mine"]

    assert present(happy=857, sad=863, neutral=1) == ("happy", "sad")
    assert present(happy=2_000, sad=10, neutral=9) == ("happy", "sad")
    assert present(happy=21, sad=1) == ("happy",)
    assert present(happy=21, sad=2) == ("happy", "sad")
    assert present(angry=3) == ("angry",)


@pytest.mark.parametrize(
    ("name", "rate_hz", "subtype", "channels"),
    [
        ("clip.wav", 48_000, "PCM_16", 1),
        ("clip.wav", 24_414, "PCM_16", 1),
        ("clip.wav", 44_100, "PCM_24", 2),
        ("clip.flac", 16_000, "PCM_16", 1),
        ("clip.aiff", 24_414, "PCM_16", 1),
        ("clip.opus", 16_000, "OPUS", 1),
        ("clip.ogg", 22_050, "VORBIS", 1),
    ],
)
def test_a_clip_is_read_as_mono_float32_at_its_own_rate(tmp_path, name, rate_hz, subtype, channels):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)
    path = tmp_path / name
    container = "OGG" if path.suffix == ".opus" else None
    soundfile.write(path, np.tile(tone[:, None], channels), rate_hz, subtype, format=container)
    samples, found_hz = read_audio(path)
    assert (samples.dtype, samples.ndim, found_hz) == (np.float32, 1, rate_hz)
    assert len(samples) == rate_hz
    # A lossy codec needs some milliseconds before it sounds as it was told to.
    settled = slice(rate_hz // 10, -rate_hz // 10)
    tolerance = 0.1 if subtype in {"OPUS", "VORBIS"} else 1e-4
    np.testing.assert_allclose(samples[settled], tone[settled], atol=tolerance)


def test_the_content_says_what_a_file_is_not_its_name(tmp_path):
    path = tmp_path / "OAF_back_fear.wav"
    with path.open("wb") as file:
        soundfile.write(file, np.zeros(100), 24_414, "PCM_16", format="AIFF")
    samples, rate_hz = read_audio(path)
    assert (len(samples), rate_hz) == (100, 24_414)


def test_what_is_no_sound_is_named(tmp_path):
    plant(tmp_path, "empty.wav")
    soundfile.write(tmp_path / "silent.wav", np.zeros(0), 16_000)
    with pytest.raises(CorpusError, match=r"empty\.wav cannot be read"):
        read_audio(tmp_path / "empty.wav")
    with pytest.raises(CorpusError, match=r"absent\.wav cannot be read"):
        read_audio(tmp_path / "absent.wav")
    with pytest.raises(CorpusError, match=r"silent\.wav holds no audio"):
        read_audio(tmp_path / "silent.wav")
    # Of which nothing would be left at 16 kHz.
    soundfile.write(tmp_path / "click.wav", np.ones(1), 48_000)
    with pytest.raises(CorpusError, match=r"click\.wav is shorter than a sample"):
        read_audio(tmp_path / "click.wav")


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)
def test_every_corpus_states_its_labels_terms_and_source(corpus):
    assert set(corpus.emotions) <= set(EMOTIONS)
    assert set(corpus.genders) <= set(GENDERS)
    assert corpus.licence
    assert corpus.citation
    assert corpus.title


# --- the recordings themselves, where they are --------------------------------------------


@pytest.fixture(scope="module")
def recorded(corpora_root):
    return survey(corpora_root)


def test_every_recorded_clip_is_found(recorded):
    least = {"ravdess": 1_200, "emodb": 410, "savee": 360, "tess": 2_800, "crema_d": 1_721}
    counts = Counter(clip.corpus for clip in recorded.clips)
    assert counts.keys() == least.keys()
    assert all(counts[corpus] >= least[corpus] for corpus in least)


def test_every_recorded_corpus_holds_what_it_declares(recorded):
    present = emotions_present(recorded.clips)
    for name, corpus in CORPORA.items():
        clips = [clip for clip in recorded.clips if clip.corpus == name]
        assert {clip.gender for clip in clips} == set(corpus.genders)
        assert set(present[name]) <= set(corpus.emotions)
        if name != "crema_d":  # which may be there in part
            assert present[name] == corpus.emotions


def test_one_clip_of_each_recorded_speaker_can_be_read(recorded):
    firsts = {clip.speaker: clip for clip in reversed(recorded.clips)}
    for clip in firsts.values():
        samples, rate_hz = read_audio(clip.path)
        assert 0.5 < len(samples) / rate_hz < 15
        assert 0.001 < np.abs(samples).max() <= 1.1


def test_the_two_names_of_one_recording_are_one_recording(recorded):
    clips = {clip.key: clip for clip in recorded.clips}
    for first, second in SAME_RECORDING:
        samples, _ = read_audio(clips[first].path)
        again, _ = read_audio(clips[second].path)
        assert np.corrcoef(samples, again[: len(samples)])[0, 1] > 0.99
        assert clips[first].speaker == clips[second].speaker
