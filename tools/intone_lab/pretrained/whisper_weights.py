"""Whisper's weights, out of the file that the teacher is run from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from intone.types import FloatArray

BLOCKS = 3
"""As many as are run: the frames that are used are those that the third and fourth attend to."""

_ENCODER = "inner.encoder."
_QUANTISED = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """What a layer multiplies by, and adds."""

    weights: FloatArray
    """(inputs, outputs) of a product, (width,) of a normalisation."""
    bias: FloatArray
    """(outputs,), or (width,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One block of the encoder."""

    attended: Affine
    """The normalisation of what it attends to."""
    query: Affine
    key: FloatArray
    """(width, width); it has no bias."""
    value: Affine
    mixed: Affine
    """What the heads' outputs go through."""
    normal: Affine
    widened: Affine
    narrowed: Affine


@dataclass(frozen=True, slots=True, eq=False)
class WhisperWeights:
    """What comes before the blocks, the blocks, and the normalisation of the last one's output."""

    convolutions: tuple[Affine, Affine]
    """Over three frames each, their (3 x channels, outputs) oldest frame first."""
    positions: FloatArray
    """(400, width)."""
    blocks: tuple[Block, ...]
    last: Affine


def read_whisper(path: Path) -> WhisperWeights:
    """Return the weights in the file of :data:`intone_lab.teacher.whisper.SOURCE`."""
    # Here, because the lab's other commands do without it.
    import onnx

    graph = _Graph(onnx.load(str(path)).graph)
    normals = [graph.plain(f"layers.{number}.self_attn_layer_norm") for number in range(BLOCKS + 1)]
    return WhisperWeights(
        (graph.convolution("conv1"), graph.convolution("conv2")),
        graph.values[_ENCODER + "embed_positions.weight"],
        tuple(_block(graph, number, normals[number]) for number in range(BLOCKS)),
        normals[BLOCKS],
    )


def _block(graph: _Graph, number: int, attended: Affine) -> Block:
    layer = f"layers.{number}."
    query = graph.product(layer + "self_attn.q_proj.bias")
    value = graph.product(layer + "self_attn.v_proj.bias")
    others = (query.weights, value.weights)
    (key,) = [
        weights
        for weights in graph.products_of(layer + "self_attn_layer_norm.weight")
        if not any(weights is other for other in others)
    ]
    return Block(
        attended,
        query,
        key,
        value,
        graph.product(layer + "self_attn.out_proj.bias"),
        graph.plain(layer + "final_layer_norm"),
        graph.product(layer + "fc1.bias"),
        graph.product(layer + "fc2.bias"),
    )


class _Graph:
    """A quantised ONNX graph whose products have lost their names, and whose biases have not."""

    def __init__(self, graph: Any) -> None:
        from onnx import numpy_helper

        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._nodes = list(graph.node)
        self._made_by = {name: node for node in self._nodes for name in node.output}
        self.values: Mapping[str, FloatArray] = stored | {
            node.output[0]: _dequantised(node, stored)
            for node in self._nodes
            if node.op_type == "DequantizeLinear" and node.input[0] in stored
        }

    def plain(self, name: str) -> Affine:
        """Return a normalisation."""
        return Affine(
            self.values[f"{_ENCODER}{name}.weight"], self.values[f"{_ENCODER}{name}.bias"]
        )

    def convolution(self, name: str) -> Affine:
        """Return a convolution over three frames as a product with them side by side."""
        kernel = self.values[f"{_ENCODER}{name}.weight_DequantizeLinear_Output"]
        frames = [kernel[:, :, frame].T for frame in range(kernel.shape[2])]
        return Affine(np.concatenate(frames), self.values[f"{_ENCODER}{name}.bias"])

    def product(self, bias: str) -> Affine:
        """Return the product that ``bias`` is added to."""
        name = _ENCODER + bias
        (added,) = [node for node in self._nodes if node.op_type == "Add" and name in node.input]
        (before,) = [other for other in added.input if other != name]
        return Affine(self.values[self._source(before).input[1]], self.values[name])

    def products_of(self, normal: str) -> list[FloatArray]:
        """Return what the output of a normalisation is multiplied by."""
        return [
            self.values[node.input[1]]
            for node in self._nodes
            if node.op_type == "MatMul"
            and node.input[1] in self.values
            and _ENCODER + normal in self._source(node.input[0]).input
        ]

    def _source(self, name: str) -> Any:
        """Return the node that made a tensor, before it was quantised and back."""
        node = self._made_by[name]
        while node.op_type in _QUANTISED:
            node = self._made_by[node.input[0]]
        return node


def _dequantised(node: Any, stored: Mapping[str, Any]) -> FloatArray:
    """Return float32 weights of the very values that the quantised ones stand for."""
    quantised, scale, zero = (stored[name] for name in node.input)
    if scale.size > 1:
        axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
        along = [1] * quantised.ndim
        along[axis] = -1
        scale, zero = scale.reshape(along), zero.reshape(along)
    values: FloatArray = ((quantised.astype("f4") - zero.astype("f4")) * scale).astype("f4")
    return values
