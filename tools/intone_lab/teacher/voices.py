"""The teacher that knows voices: an LSTM that tells thousands of speakers apart.

Resemblyzer's encoder, trained by the generalised end-to-end loss on LibriSpeech and VoxCeleb
(Wan et al., "Generalized End-to-End Loss for Speaker Verification", 2018).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from intone.types import SAMPLE_RATE_HZ, FloatArray
from intone_lab.teacher.source import Source

SOURCE = Source(
    "Resemblyzer==0.1.4",
    "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f",
    "resemblyzer/pretrained.pt",
)
"""Apache License 2.0."""

_WEIGHTS_AT = 269_883
"""Where its LSTM's weights begin in that very file: float32, as PyTorch flattens them."""

_UNITS = 256
_LAYERS = 3
_FILTERS = 40
WIDTH = 2 * _UNITS
"""The second and the third layer's output."""

FRAME_SAMPLES = 160
_WINDOW = 400
_LEVEL_DBFS = -30.0
"""It was trained on utterances of this level, and hears energies, not their logarithms."""


class Voices:
    """One process's own; one thread computes."""

    def __init__(self, path: Path) -> None:
        # Here, because the lab's other commands do without it.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = _graph(np.fromfile(path, "<f4", offset=_WEIGHTS_AT, count=_weight_count()))
        self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options)

    def __call__(self, samples: FloatArray) -> FloatArray:
        """Return float32 (n // 160, :data:`WIDTH`) of float32 ``samples`` (n,) at 16 kHz."""
        import librosa

        level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
        loud = samples * np.float32(10 ** (_LEVEL_DBFS / 20) / max(level, 1e-6))
        mel = librosa.feature.melspectrogram(
            y=loud, sr=SAMPLE_RATE_HZ, n_fft=_WINDOW, hop_length=FRAME_SAMPLES, n_mels=_FILTERS
        )
        frames = mel.T[: len(samples) // FRAME_SAMPLES].astype(np.float32)
        second, third = self._session.run(["layer1", "layer2"], {"mel": frames[:, None]})
        # Time, direction, batch, units.
        heard: FloatArray = np.concatenate([second[:, 0, 0], third[:, 0, 0]], axis=-1)
        return heard


def _weight_count() -> int:
    return sum(4 * _UNITS * (width + _UNITS + 2) for width in _widths())


def _widths() -> tuple[int, ...]:
    return (_FILTERS, *(_UNITS,) * (_LAYERS - 1))


def _graph(flat: FloatArray) -> Any:
    """Return the ONNX model of the LSTM whose weights PyTorch would flatten to ``flat``.

    All matrices come first, layer by layer, input's and then state's; then all biases alike.
    """
    import onnx
    from onnx import helper, numpy_helper

    nodes, weights, taken = [], [], 0
    shapes = [(4 * _UNITS, width) for layer in _widths() for width in (layer, _UNITS)]
    matrices, biases = [], []
    for shape in shapes:
        matrices.append(_onnx_order(flat[taken : taken + shape[0] * shape[1]].reshape(shape)))
        taken += shape[0] * shape[1]
    for _ in shapes:
        biases.append(_onnx_order(flat[taken : taken + 4 * _UNITS]))
        taken += 4 * _UNITS
    given = "mel"
    for layer in range(_LAYERS):
        names = [f"{kind}{layer}" for kind in ("W", "R", "B")]
        both = np.concatenate(biases[2 * layer : 2 * layer + 2])
        arrays = (*matrices[2 * layer : 2 * layer + 2], both)
        weights += [
            numpy_helper.from_array(array[None], name)
            for name, array in zip(names, arrays, strict=True)
        ]
        made = f"layer{layer}"
        nodes.append(helper.make_node("LSTM", [given, *names], [made], hidden_size=_UNITS))
        flatter = f"flat{layer}"
        nodes.append(helper.make_node("Squeeze", [made, "direction"], [flatter]))
        given = flatter
    weights.append(numpy_helper.from_array(np.array([1], np.int64), "direction"))
    graph = helper.make_graph(
        nodes,
        "voices",
        [helper.make_tensor_value_info("mel", onnx.TensorProto.FLOAT, [None, 1, _FILTERS])],
        [helper.make_empty_tensor_value_info(f"layer{layer}") for layer in range(1, _LAYERS)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def _onnx_order(gates: FloatArray) -> FloatArray:
    """PyTorch's gates are input, forget, cell, output; ONNX's input, output, forget, cell."""
    took_in, forgot, cell, put_out = np.split(gates, 4)
    return np.concatenate([took_in, put_out, forgot, cell])
