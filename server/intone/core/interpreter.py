"""Model files on the TFLite runtime; nothing else imports it.

``ai-edge-litert`` is tflite-runtime under its present name and always installed; the old
package runs the same files. Who installs it (extra ``tflite-runtime``) has chosen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from intone.core.card import Card
from intone.errors import ModelError
from intone.types import FloatArray

try:
    from tflite_runtime.interpreter import Interpreter

    RUNTIME = "tflite-runtime"
except ImportError:
    from ai_edge_litert.interpreter import Interpreter

    RUNTIME = "ai-edge-litert"

__all__ = ["RUNTIME", "Interpreter", "Network"]


class Network:
    """One interpreter of a model file. Not safe to call from two threads at once.

    Inputs are told apart by their rank; outputs come in the order of their names, which is
    how a signature sorts them.
    """

    def __init__(self, card: Card, model: bytes, shapes: Sequence[tuple[int, ...]]) -> None:
        """Plan the file for inputs of ``shapes`` and run it once.

        Raises :class:`ModelError` where it cannot, or where it does not answer with logits
        for the card's labels, and its state.
        """
        self._shapes: tuple[tuple[int, ...], ...] = ()
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=1)
            details = self._interpreter.get_input_details()
            self._inputs = {len(detail["shape"]): int(detail["index"]) for detail in details}
            self.plan(shapes)
            self._interpreter.invoke()
            self._outputs = self._find_outputs(card)
        except (ValueError, RuntimeError, KeyError) as error:
            raise ModelError(
                f"{card.name}/{card.file} is not the {card.kind} model of its card: {error}"
            ) from error

    def plan(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Make room for inputs of ``shapes``; nothing happens where it is there already."""
        if tuple(shapes) == self._shapes:
            return
        if len(shapes) != len(self._inputs):
            raise ValueError(f"it has {len(self._inputs)} inputs, not {len(shapes)}")
        # Should that fail, there is no room for what it was before either.
        self._shapes = ()
        for shape in shapes:
            self._interpreter.resize_tensor_input(self._inputs[len(shape)], shape)
        self._interpreter.allocate_tensors()
        self._shapes = tuple(shapes)

    def __call__(self, *inputs: FloatArray) -> tuple[FloatArray, ...]:
        """Run on float32 inputs of the planned shapes; return copies of the outputs."""
        for array in inputs:
            self._interpreter.set_tensor(self._inputs[array.ndim], array)
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(index) for index in self._outputs)

    def _find_outputs(self, card: Card) -> tuple[int, ...]:
        details: list[dict[str, Any]] = self._interpreter.get_output_details()
        details = sorted(details, key=lambda detail: detail["name"])
        widths = [len(card.emotions), len(card.genders)]
        if not card.answers_at_end:
            widths.append(card.state_size)
        found = [int(detail["shape"][-1]) for detail in details]
        if found != widths:
            raise ValueError(f"outputs of widths {found}, the card says {widths}")
        return tuple(int(detail["index"]) for detail in details)
