from importlib.util import find_spec

import numpy as np
import pytest

from intone_lab import metrics

LABELS = ("happy", "sad", "angry")


def test_uar_is_the_mean_of_the_recalls_not_the_accuracy():
    pairs = [("happy", "happy")] * 4 + [("sad", "happy")]
    figures = metrics.summary(metrics.confusion(pairs, LABELS))
    assert figures.uar == 0.5
    assert figures.accuracy == pytest.approx(4 / 5)
    # Precision 0.8 and recall 1 of happy; sad is never said.
    assert figures.macro_f1 == pytest.approx((2 * 0.8 / 1.8) / 2)


def test_a_clip_in_which_nothing_was_heard_is_wrong():
    counts = metrics.confusion([("sad", None), ("sad", "sad"), ("happy", "happy")], LABELS)
    assert counts[1].tolist() == [0, 1, 0, 1]
    assert metrics.summary(counts).uar == pytest.approx(0.75)
    # It lowers the recall and leaves the precision.
    sad = metrics.class_figures(counts, LABELS)[1]
    assert (sad.precision, sad.recall, sad.support) == (1.0, 0.5, 2)


def test_a_class_that_does_not_occur_is_left_out_though_it_is_said():
    counts = metrics.confusion([("happy", "happy"), ("sad", "angry")], LABELS)
    assert [row.label for row in metrics.class_figures(counts, LABELS)] == ["happy", "sad"]
    assert metrics.summary(counts).uar == 0.5


@pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")
@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_scikit_learn(seed):
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
    from sklearn.metrics import precision_recall_fscore_support as report

    rng = np.random.default_rng(seed)
    true = [*LABELS, *rng.choice(LABELS, 60)]
    said = [label if rng.random() < 0.5 else str(rng.choice(LABELS)) for label in true]
    counts = metrics.confusion(list(zip(true, said, strict=True)), LABELS)
    figures = metrics.summary(counts)
    assert figures.uar == pytest.approx(balanced_accuracy_score(true, said))
    assert figures.accuracy == pytest.approx(accuracy_score(true, said))
    assert figures.macro_f1 == pytest.approx(f1_score(true, said, average="macro"))
    rows = metrics.class_figures(counts, LABELS)
    wanted = zip(*report(true, said, labels=LABELS, zero_division=0), strict=True)
    for row, line in zip(rows, wanted, strict=True):
        assert (row.precision, row.recall, row.f1, row.support) == pytest.approx(line)


def test_the_interval_of_one_kind_of_speaker_is_a_point():
    one = metrics.confusion([("happy", "happy"), ("sad", "happy")], LABELS)
    found = metrics.intervals([one, one, one])
    assert found.uar == (0.5, 0.5)
    assert found.accuracy == (0.5, 0.5)


def test_the_interval_is_that_of_speakers_drawn_anew():
    right = metrics.confusion([("happy", "happy"), ("sad", "sad")], LABELS)
    wrong = metrics.confusion([("happy", "sad"), ("sad", "happy")], LABELS)
    found = metrics.intervals([right] * 8 + [wrong] * 8)
    # Of 16 draws with even odds, 95 % give 4 to 12: shares of 0.25 and 0.75.
    assert found.uar == pytest.approx((0.25, 0.75))
    assert found == metrics.intervals([right] * 8 + [wrong] * 8)
