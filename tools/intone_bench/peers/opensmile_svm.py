"""openSMILE's eGeMAPS functionals of an utterance, then scikit-learn's SVM.

``python -m intone_bench.peers.opensmile_svm AUDIO``. Bare calls: no network, no voice activity.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import opensmile
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from intone.types import SAMPLE_RATE_HZ
from intone_bench.peers.audio import Audio, read_audio
from intone_bench.peers.cost import Cost, tell, utterance_cost

_CLIPS, _EMOTIONS = 1_440, 8
"""RAVDESS's: what such an SVM is usually trained on."""
_MOST = 40


def measure(audio: Audio) -> Cost:
    """Time it. The SVM is trained on noise: it keeps most vectors, as it does of real clips."""
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
        num_workers=1,
    )
    random_numbers = np.random.default_rng(0)
    width = len(smile.feature_names)
    svm = make_pipeline(StandardScaler(), SVC())
    svm.fit(
        random_numbers.standard_normal((_CLIPS, width)),
        random_numbers.integers(0, _EMOTIONS, _CLIPS),
    )
    return utterance_cost(
        lambda utterance: svm.predict(smile.process_signal(utterance, SAMPLE_RATE_HZ).to_numpy()),
        audio,
        _MOST,
        "no network, no voice activity",
    )


if __name__ == "__main__":
    tell(measure(read_audio(Path(sys.argv[1]))))
