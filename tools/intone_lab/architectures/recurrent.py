"""Keras's recurrent layers, their steps and gradient written out for training on a CPU.

The same weights give the same answers and gradients. Under other backends than TensorFlow, and
from other states than zero, they are Keras's own.
"""

from __future__ import annotations

from typing import Any, ClassVar

import keras

_WRITTEN_OUT = {
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "use_bias": True,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "return_state": False,
    "stateful": False,
}
"""Keras's own choice, and the one for which the written-out steps are right."""

_SHUT = 1e9
"""Added to what the update gate takes in: its sigmoid is 1, and has no gradient."""


class _WrittenOut(keras.layers.Layer):  # type: ignore[misc]
    """Before a layer of Keras's: all steps returned, and quicker under TensorFlow."""

    _only: ClassVar[dict[str, Any]] = _WRITTEN_OUT

    def __init__(self, units: int, **options: Any) -> None:
        """Take what Keras's layer does; :class:`ValueError` for other gates than are written out.

        ``return_sequences`` is not asked for.
        """
        super().__init__(units, **{**options, "return_sequences": True})
        config = self.get_config()
        other = [name for name, value in self._only.items() if config[name] != value]
        if other:
            raise ValueError(f"{', '.join(other)}: only {self._only} is written out")

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,  # noqa: FBT002 - as Keras declares it
    ) -> Any:
        """Return every step's output (batch, steps, units).

        A masked one's is that before it, or 0 where ``zero_output_for_mask``.
        """
        if keras.backend.backend() != "tensorflow" or initial_state is not None:
            return super().call(sequences, initial_state, mask, training)
        outputs = keras.ops.transpose(self._hidden(sequences, mask), (1, 0, 2))
        if mask is None or not self.zero_output_for_mask:
            return outputs
        mask = keras.ops.flip(mask, 1) if self.go_backwards else mask
        return outputs * keras.ops.cast(mask, outputs.dtype)[:, :, None]

    def _hidden(self, sequences: Any, mask: Any) -> Any:
        """Return every step's output (steps, batch, units), in the order they are taken in."""
        raise NotImplementedError

    def _steps_first(self, inputs: Any) -> Any:
        """Return (steps, batch, n) of (batch, steps, n), in the order they are taken in."""
        steps_first = keras.ops.transpose(inputs, (1, 0, 2))
        return keras.ops.flip(steps_first, 0) if self.go_backwards else steps_first


@keras.saving.register_keras_serializable("intone")
class Gru(_WrittenOut, keras.layers.GRU):  # type: ignore[misc]
    """:class:`keras.layers.GRU`, all steps returned; quicker under TensorFlow."""

    _only = _WRITTEN_OUT | {"reset_after": True}

    def _hidden(self, sequences: Any, mask: Any) -> Any:
        # Here, since the other backends go without TensorFlow.
        from intone_lab.architectures.gru_scan import scan

        into_gates = self._steps_first(self._into_gates(sequences, mask))
        return scan(into_gates, self.cell.recurrent_kernel.value, self.cell.bias[1])

    def _into_gates(self, sequences: Any, mask: Any) -> Any:
        """Return what the inputs add to the gates, (batch, steps, 3 x units)."""
        ops, cell = keras.ops, self.cell
        into_gates = ops.matmul(sequences, cell.kernel) + cell.bias[0]
        if mask is None:
            return into_gates
        # An update gate of 1 keeps the state.
        shut = ops.cast(ops.logical_not(mask), into_gates.dtype)[:, :, None] * _SHUT
        update, rest = into_gates[:, :, : self.units], into_gates[:, :, self.units :]
        return ops.concatenate([update + shut, rest], axis=-1)


@keras.saving.register_keras_serializable("intone")
class Lstm(_WrittenOut, keras.layers.LSTM):  # type: ignore[misc]
    """:class:`keras.layers.LSTM`, all steps returned; quicker under TensorFlow."""

    def _hidden(self, sequences: Any, mask: Any) -> Any:
        # Here, as above.
        from intone_lab.architectures.lstm_scan import scan

        ops, cell = keras.ops, self.cell
        into_gates = ops.matmul(sequences, cell.kernel) + cell.bias
        told = ops.ones_like(into_gates[:, :, 0]) if mask is None else mask
        heard = ops.cast(told, into_gates.dtype)[:, :, None]
        return scan(
            self._steps_first(into_gates), cell.recurrent_kernel.value, self._steps_first(heard)
        )
