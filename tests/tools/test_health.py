"""What is wrong with recordings is found and told, one kind of fault a test."""

import numpy as np
import pytest
import soundfile

from intone_lab.corpora import Skipped, Survey, survey
from intone_lab.health import CLIPPED_RUNS, Problem, examine
from intone_lab.tables import gather

RATE_HZ = 16_000


def tone(seconds: float = 1.0, level: float = 0.3, pitch_hz: float = 220.0) -> np.ndarray:
    return level * np.sin(2 * np.pi * pitch_hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def write(root, name, samples, **kwargs):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ, **kwargs)
    return path


def problems(root):
    return [
        (finding.problem, *[path.name for path in finding.paths])
        for finding in examine(survey(root)).findings
    ]


def test_sound_recordings_have_no_finding_and_are_measured(tmp_path):
    write(tmp_path, "DC_a01.wav", tone(1.5))
    write(tmp_path, "DC_a02.flac", tone(2.0, pitch_hz=150))
    health = examine(survey(tmp_path))
    assert health.findings == ()
    assert [sound.duration_s for sound in health.sounds] == [1.5, 2.0]
    assert [sound.rate_hz for sound in health.sounds] == [RATE_HZ, RATE_HZ]
    assert health.sounds[0].peak == pytest.approx(0.3, abs=0.001)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"RIFF and nothing after it", "cannot be read"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
)
def test_a_file_without_sound_is_unreadable(tmp_path, content, said):
    write(tmp_path, "DC_a01.wav", tone())
    (tmp_path / "DC_a02.wav").write_bytes(content)
    health = examine(survey(tmp_path))
    (finding,) = health.findings
    assert finding.problem is Problem.UNREADABLE
    assert said in finding.detail
    assert [sound.clip.name for sound in health.sounds] == ["DC_a01"]


def test_a_header_without_samples_and_samples_that_are_no_numbers_are_unreadable(tmp_path):
    write(tmp_path, "DC_a01.wav", np.zeros(0))
    write(tmp_path, "DC_a02.wav", np.full(RATE_HZ, np.nan), subtype="FLOAT")
    findings = examine(survey(tmp_path)).findings
    assert ["holds no audio" in f.detail or "no numbers" in f.detail for f in findings] == [
        True
    ] * 2
    assert {finding.problem for finding in findings} == {Problem.UNREADABLE}


def test_a_file_damaged_in_its_middle_is_unreadable(tmp_path):
    rng = np.random.default_rng(1)
    path = write(tmp_path, "DC_a01.flac", 0.1 * rng.standard_normal(3 * RATE_HZ))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2_000] = bytes(2_000)
    path.write_bytes(content)
    write(tmp_path, "DC_a02.flac", tone())
    assert problems(tmp_path) == [(Problem.UNREADABLE, "DC_a01.flac")]


def test_silence_is_told_by_its_peak(tmp_path):
    write(tmp_path, "DC_a01.wav", np.zeros(RATE_HZ))
    write(tmp_path, "DC_a02.wav", np.zeros(RATE_HZ))
    write(tmp_path, "DC_a03.wav", tone(level=0.0009), subtype="PCM_24")
    write(tmp_path, "DC_a04.wav", tone(level=0.0011), subtype="PCM_24")
    assert problems(tmp_path) == [
        (Problem.SILENT, "DC_a01.wav"),
        (Problem.SILENT, "DC_a02.wav"),
        (Problem.SILENT, "DC_a03.wav"),
    ]


def test_a_clip_without_room_for_an_utterance_is_short(tmp_path):
    write(tmp_path, "DC_a01.wav", tone(0.399))
    write(tmp_path, "DC_a02.wav", tone(0.4))
    assert problems(tmp_path) == [(Problem.SHORT, "DC_a01.wav")]


def test_flattened_peaks_are_clipping_and_loud_ones_are_not(tmp_path):
    write(tmp_path, "DC_a01.wav", np.clip(tone(level=1.5), -1, 1))
    # A normalised recording touches full scale, but its peaks are round.
    write(tmp_path, "DC_a02.wav", tone(level=0.999, pitch_hz=1_000))
    few = tone(pitch_hz=200)
    half_periods = slice(0, RATE_HZ // 400 * (CLIPPED_RUNS - 1))
    few[half_periods] = np.clip(4 * few[half_periods], -1, 1)
    write(tmp_path, "DC_a03.wav", few / np.abs(few).max())
    health = examine(survey(tmp_path))
    assert [sound.flattened for sound in health.sounds] == [440, 0, CLIPPED_RUNS - 1]
    assert problems(tmp_path) == [(Problem.CLIPPED, "DC_a01.wav")]


def test_the_same_sound_is_found_under_another_name_and_in_another_container(tmp_path):
    samples = np.round(32_767 * tone()).astype(np.int16)
    write(tmp_path, "DC_a01.wav", samples)
    write(tmp_path, "JE_h02.flac", samples)
    write(tmp_path, "JE_h03.flac", samples + (np.arange(RATE_HZ) == 100).astype(np.int16))
    (finding,) = examine(survey(tmp_path)).findings
    assert finding.problem is Problem.DUPLICATE
    assert [path.name for path in finding.paths] == ["DC_a01.wav", "JE_h02.flac"]
    assert finding.detail == "savee/DC_a01, savee/JE_h02, under different labels"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Actor_05/03-01-06-02-01-02-06.wav", "speaker 06, its folder Actor_05 says 05"),
        ("OAF_Fear/OAF_back_angry.wav", "says angry, its folder OAF_Fear says fearful"),
        ("OAF_Fear/YAF_back_fear.wav", "says speaker YAF, its folder OAF_Fear says OAF"),
        ("AudioData/DC/JE_a01.wav", "says speaker JE, its folder DC says DC"),
        ("sadness/03a01Fa.wav", "says happy, its folder sadness says sad"),
    ],
)
def test_a_name_that_contradicts_its_folder_is_found(tmp_path, name, said):
    write(tmp_path, name, tone())
    (finding,) = examine(survey(tmp_path)).findings
    assert finding.problem is Problem.CONTRADICTION
    assert said in finding.detail


@pytest.mark.parametrize(
    "name",
    [
        "Audio_Speech_Actors_01-24/Actor_06/03-01-06-02-01-02-06.wav",
        "OAF_Pleasant_surprise/OAF_back_ps.wav",
        "YAF_pleasant_surprised/YAF_back_ps.wav",
        "OAF_neutral/OA_bite_neutral.wav",
        "AudioData/KL/sa01.wav",
        "wav/16b10Lb.wav",
        "anything/03-01-06-02-01-02-06.wav",
    ],
)
def test_folders_as_published_contradict_nothing(tmp_path, name):
    write(tmp_path, name, tone())
    assert examine(survey(tmp_path)).findings == ()


def test_a_speaker_of_both_genders_is_a_contradiction(tmp_path):
    for name in "abc":
        write(tmp_path, f"{name}.wav", tone(pitch_hz=200 + ord(name)))
    table = tmp_path / "mine.csv"
    table.write_text(
        "path,emotion,gender,speaker\na.wav,,male,Ann\nb.wav,,,Ann\nc.wav,,female,Ann\n",
        encoding="utf-8",
    )
    (finding,) = examine(gather(None, [table])).findings
    assert finding.problem is Problem.CONTRADICTION
    assert finding.detail == "speaker mine/Ann is male here and female there"


def test_what_belongs_to_no_corpus_is_told_with_its_reason(tmp_path):
    path = tmp_path / "rain.wav"
    (finding,) = examine(Survey((), (Skipped(path, "its name is of no corpus"),))).findings
    assert (finding.problem, finding.paths) == (Problem.FOREIGN, (path,))
