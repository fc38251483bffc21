"""Speech to the teacher's frames: Whisper's log-mel spectrogram and its first three blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from intone.types import SAMPLE_RATE_HZ, FloatArray

Frames = NDArray[np.float16]
"""(steps, :data:`WIDTH`), one every :data:`STEP_SAMPLES`."""

LAYERS = ("layer_norm_2", "layer_norm_4", "layer_norm_6")
"""What the second, third and fourth block attend to: the output, normalised, of that before."""
WIDTH = 384 * len(LAYERS)

STEP_SAMPLES = 640
"""40 ms, two frames of the teacher's."""
_FRAME_SAMPLES = 320
PIECE_SAMPLES = 8 * SAMPLE_RATE_HZ
"""What the teacher was tuned on, and hears at once."""

_WINDOW = 400
_HOP = 160
_FILTERS = 80


class Encoder:
    """One process's teacher; one thread computes."""

    def __init__(self, path: Path) -> None:
        # Here, because the lab's other commands do without them.
        import librosa
        import onnx
        import onnxruntime

        graph = onnx.load(str(path))
        for name in LAYERS:
            graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # It warns of every constant that the quantiser left unused.
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
        self._input = graph.graph.input[0].name
        self._filters: FloatArray = librosa.filters.mel(
            sr=SAMPLE_RATE_HZ, n_fft=_WINDOW, n_mels=_FILTERS
        )

    def __call__(self, samples: FloatArray) -> Frames:
        """Return the frames of float32 ``samples`` (n,) at 16 kHz, n // 640 of them."""
        steps = len(samples) // STEP_SAMPLES
        whole = samples[: steps * STEP_SAMPLES]
        pieces = [
            self._piece(whole[start : start + PIECE_SAMPLES])
            for start in range(0, len(whole), PIECE_SAMPLES)
        ]
        nothing = np.zeros((0, WIDTH), np.float16)
        return np.concatenate([nothing, *pieces])

    def _piece(self, samples: FloatArray) -> Frames:
        # Silence before, as the teacher was tuned.
        padded = np.pad(samples, (PIECE_SAMPLES - len(samples), 0))
        heard = self._session.run(list(LAYERS), {self._input: self._log_mel(padded)[None]})
        frames = np.concatenate([layer[0] for layer in heard], axis=-1)
        frames = frames[-(len(samples) // _FRAME_SAMPLES) :]
        steps: Frames = frames.reshape(-1, 2, WIDTH).mean(axis=1).astype(np.float16)
        return steps

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
