"""The bare floor: voice activity, features and model in full batches; no network, no sessions.

``python -m intone_bench.peers.floor AUDIO MODEL_FOLDER`` imports nothing but what a server
needs: another interpreter, with the other runtime, can run it.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

from intone.core.blocks import BlockCutter
from intone.core.features import Extract, extractor
from intone.core.framing import FRAME_SAMPLES
from intone.core.interpreter import RUNTIME
from intone.core.recogniser import Recogniser
from intone.core.vad import webrtc
from intone.models import load_model
from intone.settings import EndpointerSettings
from intone.types import FloatArray
from intone_bench.peers.audio import Audio, read_audio
from intone_bench.peers.cost import Cost, cpu_s, tell

_BATCHES = (16, 32, 64)


def floor(audio: Audio, folder: Path) -> Cost:
    """Time the model in ``folder``."""
    recogniser = load_model(folder).new_recogniser()
    cut = [
        window
        for utterance in audio.utterances
        for window in BlockCutter(recogniser.card.shape).push(utterance)
    ]
    windows = np.stack(cut)
    extract = extractor(recogniser.card.features)
    vad_s = cpu_s(partial(_detect, audio))
    both = {size: cpu_s(partial(_step, recogniser, windows, size)) for size in _BATCHES}
    best = min(both, key=lambda size: both[size])
    features_s = cpu_s(partial(_extract, extract, windows, best))
    ms = {
        "voice activity": vad_s,
        "features": features_s,
        "model": both[best] - features_s,
    }
    parts = {name: 1_000 * seconds / audio.track_s for name, seconds in ms.items()}
    return Cost(sum(parts.values()), f"{RUNTIME}, batches of {best}", parts)


def _detect(audio: Audio) -> None:
    for track in audio.tracks:
        detector = webrtc(EndpointerSettings())
        whole = track.shape[0] - track.shape[0] % FRAME_SAMPLES
        detector.detect(track[:whole].reshape(-1, FRAME_SAMPLES))


def _extract(extract: Extract, windows: FloatArray, size: int) -> None:
    # None is kept: fresh memory for each would cost more than the features.
    for start in range(0, len(windows), size):
        extract(windows[start : start + size])


def _step(recogniser: Recogniser, windows: FloatArray, size: int) -> None:
    """Run all blocks in batches of ``size``. What is in a state costs alike."""
    nothing = np.zeros(recogniser.card.state_size, np.float32)
    for start in range(0, len(windows), size):
        batch = windows[start : start + size]
        recogniser.step(batch, [nothing] * len(batch))


if __name__ == "__main__":
    tell(floor(read_audio(Path(sys.argv[1])), Path(sys.argv[2])))
