"""The pictures say what the table holds, of whatever labels it has."""

import re
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("seaborn") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

import pandas as pd
from lab_clips import make_clips
from matplotlib.colors import to_hex
from sounds import pulses

from intone_lab.catalogue import EMOTIONS
from intone_lab.explore import gallery, pictures
from intone_lab.explore.acoustics import PITCH_CLASSES, FrameSettings
from intone_lab.explore.clip_picture import clip_figure
from intone_lab.explore.descriptors import DESCRIPTORS
from intone_lab.explore.table import Described, draw_evenly
from intone_lab.explore.typical import typical_rows
from intone_lab.palette import DARK, LIGHT, THEMES


def described(clips) -> Described:
    """Rows of noise; an angry clip is louder and higher than its speaker's others."""
    rng = np.random.default_rng(1)
    columns = [descriptor.column for descriptor in DESCRIPTORS]
    columns += [f"chroma_{name}_mean" for name in PITCH_CLASSES]
    rows = []
    for clip in clips:
        row = {name: 100 + rng.standard_normal() for name in columns}
        row |= {"duration_s": 2 + rng.random(), "rate_hz": 16_000}
        if clip.emotion == "angry":
            row["pitch_hz_mean"] += 20
        labels = ("corpus", "speaker", "gender", "emotion", "sentence", "name")
        rows.append({name: getattr(clip, name) for name in labels} | row)
    return Described(pd.DataFrame(rows), tuple(clips), (), FrameSettings())


@pytest.fixture(scope="module")
def clips():
    return make_clips("ravdess", 2, 2, takes=2) + make_clips("mine", 1, 0)


@pytest.fixture(scope="module")
def table(clips):
    return described(clips).table


def test_the_colours_are_those_of_the_browser_page(repo_root):
    css = (repo_root / "client_js" / "page" / "style.css").read_text(encoding="utf-8")
    said = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{3,6}), (#[0-9a-f]{3,6})\);", css)
    pairs = {name: [to_hex(light), to_hex(dark)] for name, light, dark in said}
    for name in EMOTIONS:
        assert pairs[f"is-{name}"] == [theme.emotions[name] for theme in THEMES]
    for name in ("card", "ink", "ink_soft", "line", "accent"):
        assert pairs[name.replace("_", "-")] == [getattr(theme, name) for theme in THEMES]


def test_the_explored_page_has_the_same_background_as_its_pictures(repo_root):
    page = repo_root / "tools" / "intone_lab" / "explore" / "page.html"
    light, dark = page.read_text(encoding="utf-8").split("@media (prefers-color-scheme: dark)", 1)
    for theme, text in ((LIGHT, light), (DARK, dark)):
        card = re.search(r"--card: (#[0-9a-f]+);", text)
        assert card is not None
        assert to_hex(card[1]) == theme.card


def test_bars_are_as_long_as_there_are_clips_in_the_colour_of_the_emotion(table):
    with LIGHT.applied():
        left, right = pictures.clips_by_emotion(table, LIGHT).axes
    widths = {round(bar.get_y() + bar.get_height() / 2): bar for bar in left.patches}
    for place, emotion in enumerate(EMOTIONS):
        assert widths[place].get_width() == (table["emotion"] == emotion).sum()
        assert to_hex(widths[place].get_facecolor()) == LIGHT.emotions[emotion]
    assert [label.get_text() for label in left.get_yticklabels()] == list(EMOTIONS)
    numbers = [text.get_text() for text in right.texts]
    assert numbers == ["8"] * 8 + ["1"] * 8


def test_a_box_plot_has_a_box_an_emotion_and_tells_no_warning(table):
    pitch = next(descriptor for descriptor in DESCRIPTORS if descriptor.column == "pitch_hz_mean")
    with DARK.applied():
        left, right = pictures.by_emotion(table, pitch, DARK).axes
    for axes in (left, right):
        colours = {to_hex(patch.get_facecolor()) for patch in axes.patches}
        assert colours == set(DARK.emotions.values())
    assert left.get_xscale() == "log"
    assert right.get_xscale() == "linear"


def test_against_the_speaker_takes_the_voice_out_and_leaves_the_emotion(table):
    voices = table.copy()
    voices.loc[voices["gender"] == "male", "pitch_hz_mean"] *= 0.5
    relative = pictures.against_speaker(voices)
    by_gender = relative.groupby(voices["gender"])["pitch_hz_mean"].mean()
    np.testing.assert_allclose(by_gender, 0, atol=1e-9)
    assert relative["pitch_hz_mean"][voices["emotion"] == "angry"].min() > 1


def test_a_speaker_of_one_emotion_or_few_clips_is_compared_with_nothing(table):
    one_emotion = table.copy()
    one_emotion.loc[one_emotion["corpus"] == "mine", "emotion"] = "sad"
    few = table.groupby("speaker").head(3)
    relative = pictures.against_speaker(one_emotion)
    assert relative[one_emotion["corpus"] == "mine"].isna().all(axis=None)
    assert relative[one_emotion["corpus"] != "mine"].notna().all(axis=None)
    assert pictures.against_speaker(few).isna().all(axis=None)


def test_typical_clips_are_of_one_voice_and_nearest_to_the_medians(clips):
    whole = described(clips)
    plain = whole.table.copy()
    columns = [descriptor.column for descriptor in DESCRIPTORS]
    voice = plain["speaker"] == "ravdess/male1"
    medians = plain.groupby(["corpus", "emotion"])[columns].transform("median")
    plain.loc[voice, columns] = medians[voice]
    rows = typical_rows(plain)
    assert list(rows) == list(EMOTIONS)
    assert {plain["speaker"][row] for row in rows.values()} == {"ravdess/male1"}
    assert all(plain["emotion"][row] == emotion for emotion, row in rows.items())


def test_an_emotion_that_the_voice_lacks_is_taken_from_another(clips):
    table = described(clips).table
    lacking = table[~((table["speaker"] != "mine/female0") & (table["emotion"] == "calm"))]
    rows = typical_rows(lacking)
    assert lacking.iloc[rows["calm"]]["speaker"] == "mine/female0"
    assert list(rows) == list(EMOTIONS)
    assert all(lacking.iloc[row]["emotion"] == emotion for emotion, row in rows.items())


def test_a_clip_has_six_pictures_over_its_own_length():
    samples = pulses(150, 1.5)
    with LIGHT.applied():
        axes = [a for a in clip_figure(samples, "#000000").axes if a.get_title()]
    assert [a.get_title().split(",")[0] for a in axes] == [
        "Waveform",
        "Magnitude spectrum of the whole clip",
        "Spectrogram",
        "Log-amplitude spectrogram",
        "Mel spectrogram",
        "40 MFCCs",
    ]
    over_time = [a for a in axes if a.get_xlabel() == "time, s"]
    assert len(over_time) == 5
    for one in over_time:
        assert one.get_xlim()[1] == pytest.approx(1.5, abs=0.05)


def without(labels: list[str], clips):
    table = described(clips).table
    nothing = {name: np.nan if name == "pitch_hz_mean" else None for name in labels}
    return Described(table.assign(**nothing), tuple(clips), (), FrameSettings())


@pytest.mark.parametrize(
    ("labels", "titles"),
    [
        ([], ["What there is", "What it looks like", "What tells the emotions apart",
              "Women and men"]),
        (["gender"], ["What there is", "What it looks like", "What tells the emotions apart"]),
        (["emotion"], ["What there is"]),
        (["emotion", "gender"], ["What there is"]),
        (["pitch_hz_mean"], ["What there is", "What it looks like",
                             "What tells the emotions apart", "Women and men"]),
    ],
)  # fmt: skip
def test_every_picture_can_be_drawn_of_what_labels_there_are(clips, labels, titles):
    found = gallery.sections(without(labels, clips))
    assert [section.title for section in found] == titles
    for picture in (picture for section in found for picture in section.pictures):
        assert len(picture.alt) > 20, picture.name
        if picture.name.startswith("clip-"):
            continue  # there is no sound behind these clips
        with LIGHT.applied():
            figure = picture.draw(LIGHT)
            figure.canvas.draw()
        assert figure.axes, picture.name


@pytest.mark.parametrize("count", [1, 2, 9])
def test_every_picture_can_be_drawn_of_few_clips_however_alike(clips, count):
    few = described(clips[:count])
    alike = few.table.assign(duration_s=2.0, pitch_hz_mean=150.0)
    for section in gallery.sections(Described(alike, few.clips, (), few.settings)):
        for picture in section.pictures:
            if not picture.name.startswith("clip-"):
                with LIGHT.applied():
                    picture.draw(LIGHT).canvas.draw()


def test_the_words_for_a_picture_hold_its_numbers(clips):
    found = gallery.sections(described(clips))
    told = {picture.name: picture.alt for section in found for picture in section.pictures}
    assert "angry 9" in told["clips-by-emotion"]
    assert re.search(r"angry 1[12]\d.*disgust \d+", told["by-emotion-pitch-hz-mean"])
    assert len(set(told.values())) == len(told)


def test_themes_leave_matplotlib_as_it_was():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    for theme in THEMES:
        with theme.applied():
            assert mpl.rcParams["text.color"] == theme.ink
    assert dict(mpl.rcParams) == before


def test_a_draw_is_even_over_emotions_and_the_same_for_a_seed(clips):
    drawn = draw_evenly(clips, 16, seed=1)
    own = [clip for clip in drawn if clip.corpus == "ravdess"]
    assert sorted(clip.emotion for clip in own) == sorted([*EMOTIONS, *EMOTIONS])
    # The other corpus has 8 clips, all of which fit.
    assert len(drawn) == 24
    assert drawn == draw_evenly(clips, 16, seed=1) == [clip for clip in clips if clip in drawn]
    assert own != [clip for clip in draw_evenly(clips, 16, seed=2) if clip.corpus == "ravdess"]
    # What else there is makes no difference to a corpus.
    assert own == draw_evenly([clip for clip in clips if clip.corpus == "ravdess"], 16, seed=1)


def test_a_draw_takes_from_the_others_when_an_emotion_runs_out(clips):
    few = [c for c in clips if c.emotion in {"happy", "sad"} and c.corpus == "ravdess"]
    few = few[:1] + [clip for clip in few if clip.emotion == "sad"]
    drawn = draw_evenly(few, 6, seed=1)
    assert [clip.emotion for clip in drawn].count("happy") == 1
    assert len(drawn) == 6


def test_clips_of_which_none_has_both_labels_are_drawn(clips):
    found = described(clips)
    half = found.table.assign(
        emotion=[None if n % 2 else label for n, label in enumerate(found.table["emotion"])],
        gender=[label if n % 2 else None for n, label in enumerate(found.table["gender"])],
    )
    sections = gallery.sections(Described(half, found.clips, (), found.settings))
    pictures = [picture for section in sections for picture in section.pictures]
    assert "by-gender" not in {picture.name for picture in pictures}
    for picture in pictures:
        if not picture.name.startswith("clip-"):
            with LIGHT.applied():
                picture.draw(LIGHT).canvas.draw()
