"""The teacher that knows voices: an LSTM that tells thousands of speakers apart.

Resemblyzer's encoder, trained by the generalised end-to-end loss on LibriSpeech and VoxCeleb
(Wan et al., "Generalized End-to-End Loss for Speaker Verification", 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

UNITS = 256
_LAYERS = 3
FILTERS = 40
WIDTH = 2 * UNITS
"""The second and the third layer's output."""

FRAME_SAMPLES = 160
WINDOW_SAMPLES = 400
LEVEL_DBFS = -30.0
"""It was trained on utterances of this level, and hears energies, not their logarithms."""


@dataclass(frozen=True, slots=True, eq=False)
class LstmLayer:
    """One layer's float32 weights; gates in PyTorch's order: input, forget, cell, output."""

    from_input: FloatArray
    """(4 x units, width)."""
    from_state: FloatArray
    """(4 x units, units)."""
    biases: tuple[FloatArray, FloatArray]
    """(4 x units,) each; both are added."""


def read_layers(path: Path) -> list[LstmLayer]:
    """Return the layers in the file of :data:`SOURCE`."""
    return _layers(np.fromfile(path, "<f4", offset=_WEIGHTS_AT, count=_weight_count()))


class Voices:
    """One process's own; one thread computes."""

    def __init__(self, path: Path) -> None:
        # Here, because the lab's other commands do without it.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = _graph(read_layers(path))
        self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options)

    def __call__(self, samples: FloatArray) -> FloatArray:
        """Return float32 (n // 160, :data:`WIDTH`) of float32 ``samples`` (n,) at 16 kHz."""
        import librosa

        level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
        loud = samples * np.float32(10 ** (LEVEL_DBFS / 20) / max(level, 1e-6))
        mel = librosa.feature.melspectrogram(
            y=loud,
            sr=SAMPLE_RATE_HZ,
            n_fft=WINDOW_SAMPLES,
            hop_length=FRAME_SAMPLES,
            n_mels=FILTERS,
        )
        frames = mel.T[: len(samples) // FRAME_SAMPLES].astype(np.float32)
        second, third = self._session.run(["layer1", "layer2"], {"mel": frames[:, None]})
        # Time, direction, batch, units.
        heard: FloatArray = np.concatenate([second[:, 0, 0], third[:, 0, 0]], axis=-1)
        return heard


def _weight_count() -> int:
    return sum(4 * UNITS * (width + UNITS + 2) for width in _widths())


def _widths() -> tuple[int, ...]:
    return (FILTERS, *(UNITS,) * (_LAYERS - 1))


def _layers(flat: FloatArray) -> list[LstmLayer]:
    """Return the layers that PyTorch would flatten to ``flat``.

    All matrices come first, layer by layer, input's and then state's; then all biases alike.
    """
    gates = 4 * UNITS
    shapes = [(gates, width) for layer in _widths() for width in (layer, UNITS)]
    ends = np.cumsum([rows * columns for rows, columns in shapes] + [gates] * len(shapes))
    parts = np.split(flat, ends[:-1])
    matrices = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=False)]
    biases = parts[len(shapes) :]
    return [
        LstmLayer(matrices[first], matrices[first + 1], (biases[first], biases[first + 1]))
        for first in range(0, len(shapes), 2)
    ]


def _graph(layers: Sequence[LstmLayer]) -> Any:
    """Return the ONNX model of the LSTM."""
    import onnx
    from onnx import helper, numpy_helper

    nodes, weights = [], []
    given = "mel"
    for number, layer in enumerate(layers):
        names = [f"{kind}{number}" for kind in ("W", "R", "B")]
        both = np.concatenate([_onnx_order(bias) for bias in layer.biases])
        arrays = (_onnx_order(layer.from_input), _onnx_order(layer.from_state), both)
        weights += [
            numpy_helper.from_array(array[None], name)
            for name, array in zip(names, arrays, strict=True)
        ]
        made, flatter = f"layer{number}", f"flat{number}"
        nodes.append(helper.make_node("LSTM", [given, *names], [made], hidden_size=UNITS))
        nodes.append(helper.make_node("Squeeze", [made, "direction"], [flatter]))
        given = flatter
    weights.append(numpy_helper.from_array(np.array([1], np.int64), "direction"))
    graph = helper.make_graph(
        nodes,
        "voices",
        [helper.make_tensor_value_info("mel", onnx.TensorProto.FLOAT, [None, 1, FILTERS])],
        [helper.make_empty_tensor_value_info(f"layer{number}") for number in range(1, _LAYERS)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def _onnx_order(gates: FloatArray) -> FloatArray:
    """PyTorch's gates are input, forget, cell, output; ONNX's input, output, forget, cell."""
    took_in, forgot, cell, put_out = np.split(gates, 4)
    return np.concatenate([took_in, put_out, forgot, cell])
