"""``intone-lab explore``: real files in, a page and a table out, in a process of its own."""

import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

if find_spec("librosa") is None or find_spec("seaborn") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

import pandas as pd
from sounds import RATE_HZ, pulses, white_noise

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
TABLE = "path,emotion,gender,speaker\nmine/good.wav,happy,,anyone\nmine/hum.wav,,,anyone\n"


def save(path: Path, samples: np.ndarray, subtype: str = "PCM_16") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ, subtype)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    """Four synthetic actors in eight emotions, named as RAVDESS names them; four bad files."""
    root = tmp_path_factory.mktemp("recordings")
    for actor in range(1, 5):
        for emotion in range(1, 9):
            voice = pulses((110 if actor % 2 else 210) + 10 * emotion, 0.6 + 0.05 * emotion)
            name = f"03-01-0{emotion}-01-01-01-{actor:02}.wav"
            save(
                root / "corpora" / name,
                voice + white_noise(-50, 0.6 + 0.05 * emotion, actor)[: len(voice)],
            )
    folder = root / "corpora"
    (folder / "03-01-03-01-02-01-01.wav").write_bytes(b"RIFF and nothing more")
    save(folder / "03-01-03-01-02-01-02.wav", np.zeros(RATE_HZ))
    save(folder / "03-01-03-01-02-01-03.wav", np.full(200, 0.5))
    save(folder / "03-01-03-01-02-01-04.wav", np.full(RATE_HZ, np.nan), "FLOAT")
    save(folder / "rain.wav", white_noise(-30, 1.0))
    save(root / "mine" / "good.wav", pulses(140, 0.7))
    save(root / "mine" / "hum.wav", pulses(100, 0.7))
    (root / "own.csv").write_text(TABLE, encoding="utf-8")
    return root


def explore(*flags: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::DeprecationWarning", "-m", "intone_lab", "explore"]
    return subprocess.run([*command, *map(str, flags)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def explored(recordings, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("explored") / "new" / "folder"
    done = explore("--corpora", recordings / "corpora", "--table", recordings / "own.csv",
                   "--out", out, "--jobs", "2", "--limit", "1000")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"wrote {out / 'index.html'}"
    assert done.stderr.count("left out: ") == 4
    assert "Warning" not in done.stderr
    return out


class Page(HTMLParser):
    """What a page refers to, and whether its tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.files: list[str] = []
        self.anchors: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "img":
            self.images.append(given)
        self.files += [given[name] for name in ("src", "srcset") if name in given]
        href = given.get("href", "")
        (self.anchors if href.startswith("#") else self.files).append(href)
        self.ids.append(given.get("id", ""))
        if tag not in {"img", "meta", "source"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(explored) -> Page:
    return Page((explored / "index.html").read_text(encoding="utf-8"))


def test_the_page_is_whole_and_needs_nothing_but_what_lies_beside_it(explored, page):
    assert page.open == []
    files = [name for name in page.files if name]
    assert len(files) == 2 * len(page.images) + 2
    assert all((explored / name).stat().st_size > 1_000 for name in files)
    text = (explored / "index.html").read_text(encoding="utf-8")
    assert "://" not in text
    assert "38 of 38 clips: at most 1,000 a corpus, drawn with seed 1." in text
    assert {anchor.removeprefix("#") for anchor in page.anchors if anchor} <= set(page.ids)
    named = [identity for identity in page.ids if identity]
    assert len(named) == len(set(named))


def test_every_picture_is_told_in_words_and_drawn_light_and_dark(explored, page):
    assert all(len(image["alt"]) > 20 for image in page.images)
    lights = sorted(path.name for path in explored.glob("pictures/*-light.png"))
    darks = sorted(path.name for path in explored.glob("pictures/*-dark.png"))
    assert [name.replace("-light", "-dark") for name in lights] == darks
    assert len(lights) == len(page.images)
    assert {f"clip-{emotion}-light.png" for emotion in EMOTIONS} <= set(lights)


def test_the_table_has_a_row_a_good_clip_and_what_was_put_in(explored):
    table = pd.read_csv(explored / "descriptors.csv", keep_default_na=True)
    assert dict(table["corpus"].value_counts()) == {"ravdess": 32, "own": 2}
    own = table[table["corpus"] == "own"].set_index("name")
    assert own.loc["mine/good.wav", "emotion"] == "happy"
    assert pd.isna(own.loc["mine/hum.wav", "emotion"])
    assert own["gender"].isna().all()
    voices = table[table["corpus"] == "ravdess"]
    emotion = voices["emotion"].map(EMOTIONS.index) + 1
    base = voices["gender"].map({"male": 110, "female": 210})
    np.testing.assert_allclose(voices["pitch_hz_mean"], base + 10 * emotion, rtol=0.01)
    np.testing.assert_allclose(voices["duration_s"], 0.6 + 0.05 * emotion, atol=1e-3)
    parquet = pd.read_parquet(explored / "descriptors.parquet")
    assert list(parquet.columns) == list(table.columns)
    numbers = table.select_dtypes("number").columns
    np.testing.assert_allclose(table[numbers], parquet[numbers].astype(float), rtol=1e-5)


def test_the_page_names_what_was_left_out_and_why(explored):
    text = (explored / "index.html").read_text(encoding="utf-8")
    for name, reason in {
        "03-01-03-01-02-01-01.wav": "cannot be read",
        "03-01-03-01-02-01-02.wav": "is silent",
        "03-01-03-01-02-01-03.wav": "is shorter than one frame",
        "03-01-03-01-02-01-04.wav": "holds samples that are no numbers",
        "rain.wav": "its name is of no corpus known here",
    }.items():
        assert name in text
        assert f"<summary>1: {reason}" in text


def test_a_second_run_in_one_process_gives_the_same_bytes(explored, recordings, tmp_path):
    done = explore("--corpora", recordings / "corpora", "--table", recordings / "own.csv",
                   "--out", tmp_path, "--jobs", "1", "--only-table")  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written.keys() == {"descriptors.csv", "descriptors.parquet"}
    for name, content in written.items():
        assert content == (explored / name).read_bytes()


def test_some_clips_of_some_corpora_can_be_asked_for(recordings, tmp_path):
    done = explore("--table", recordings / "own.csv", "--corpora", recordings / "corpora",
                   "--corpus", "own", "--limit", "1",
                   "--out", tmp_path, "--only-table")  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "descriptors.csv")
    assert list(table["corpus"]) == ["own"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--corpora", "corpora", "--corpus", "tess"], "no clips of tess; there are ravdess"),
        ([], "give a folder of corpora, a --table, or both"),
        (["--corpora", "absent"], "does not exist"),
        (["--corpora", "mine"], "no clips of any corpus"),
        (["--corpora", "corpora", "--limit", "0"], "--limit"),
        (["--corpora", "corpora", "--out", "own.csv/x", "--limit", "1"], "cannot write into"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(recordings, flags, said):
    places = {"corpora", "mine", "absent", "own.csv/x"}
    done = explore(*(recordings / flag if flag in places else flag for flag in flags))
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_where_no_clip_can_be_described_nothing_is_written(tmp_path):
    save(tmp_path / "in" / "03-01-03-01-02-01-02.wav", np.zeros(RATE_HZ))
    done = explore("--corpora", tmp_path / "in", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Error: none of the clips could be described"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_few_recorded_clips_of_each_corpus_are_described(corpora_root, tmp_path):
    done = explore("--corpora", corpora_root, "--out", tmp_path, "--limit", "2", "--only-table")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "descriptors.csv")
    assert len(table) + done.stderr.count("left out: ") == 2 * table["corpus"].nunique()
    assert table["pitch_hz_mean"].between(65, 600).mean() > 0.7
    assert table["active_s"].le(table["duration_s"]).all()
