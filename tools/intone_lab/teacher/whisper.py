"""The teacher that knows speech: Whisper's log-mel spectrogram and its first three blocks.

Whisper's smallest encoder (Radford et al., "Robust Speech Recognition via Large-Scale Weak
Supervision", 2022), as smart-turn tuned it to hear ends of turns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from intone.types import SAMPLE_RATE_HZ, FloatArray
from intone_lab.teacher.source import Source

SOURCE = Source(
    "pipecat-ai==1.14.0",
    "0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44",
    "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
)
"""BSD 2-Clause; the encoder in it is Whisper's, which is under the MIT License."""

LAYERS = ("layer_norm_2", "layer_norm_4", "layer_norm_6")
"""What the second, third and fourth block attend to: the output, normalised, of that before."""
WIDTH = 384 * len(LAYERS)

FRAME_SAMPLES = 320
LONGEST_SAMPLES = 8 * SAMPLE_RATE_HZ
"""What it was tuned on, and hears at once."""

_WINDOW = 400
_HOP = 160
_FILTERS = 80


class Whisper:
    """One process's own; one thread computes."""

    def __init__(self, path: Path) -> None:
        # Here, because the lab's other commands do without them.
        import librosa
        import onnx
        import onnxruntime

        graph = _up_to_layers(onnx.load(str(path)))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # It warns of every constant that the quantiser left unused.
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
        self._input = graph.graph.input[0].name
        self._filters: FloatArray = librosa.filters.mel(
            sr=SAMPLE_RATE_HZ, n_fft=_WINDOW, n_mels=_FILTERS
        )

    def __call__(self, samples: FloatArray) -> FloatArray:
        """Return float32 (n // 320, :data:`WIDTH`) of float32 ``samples`` (n,), 8 s at most."""
        # Silence before, as it was tuned.
        padded = np.pad(samples, (LONGEST_SAMPLES - len(samples), 0))
        heard = self._session.run(list(LAYERS), {self._input: self._log_mel(padded)[None]})
        frames: FloatArray = np.concatenate([layer[0] for layer in heard], axis=-1)
        return frames[len(frames) - len(samples) // FRAME_SAMPLES :]

    def _log_mel(self, samples: FloatArray) -> FloatArray:
        """Return float32 (80, 800): Whisper's features of a waveform of variance 1."""
        import librosa

        samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        spectrum = librosa.stft(
            samples, n_fft=_WINDOW, hop_length=_HOP, window="hann", pad_mode="reflect"
        )
        power = np.abs(spectrum[:, :-1]) ** 2
        log = np.log10(np.maximum(self._filters @ power, 1e-10))
        log = np.maximum(log, log.max() - 8.0)
        scaled: FloatArray = ((log + 4.0) / 4.0).astype(np.float32)
        return scaled


def _up_to_layers(whole: Any) -> Any:
    """Return ``whole``, an ONNX model, up to :data:`LAYERS`: four fifths of its time."""
    from onnx import TensorProto, helper, utils

    for name in LAYERS:
        told = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        whole.graph.value_info.append(told)
    return utils.Extractor(whole).extract_model([whole.graph.input[0].name], list(LAYERS))
