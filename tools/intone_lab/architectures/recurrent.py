"""Keras's recurrent layers, their steps and gradient written out for training on a CPU.

The same weights give the same answers and gradients. Under other backends than TensorFlow, and
from other states than zero, they are Keras's own.
"""

from __future__ import annotations

from typing import Any

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


@keras.saving.register_keras_serializable("intone")
class Gru(keras.layers.GRU):  # type: ignore[misc]
    """:class:`keras.layers.GRU`, all steps returned; quicker under TensorFlow."""

    def __init__(self, units: int, **options: Any) -> None:
        """Take what :class:`keras.layers.GRU` does; :class:`ValueError` for other gates than its.

        ``return_sequences`` is not asked for.
        """
        super().__init__(units, **{**options, "return_sequences": True})
        _refuse_others(self, _WRITTEN_OUT | {"reset_after": True})

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
        # Here, since the other backends go without TensorFlow.
        from intone_lab.architectures.gru_scan import scan

        into_gates = _steps_first(self, self._into_gates(sequences, mask))
        hidden = scan(into_gates, self.cell.recurrent_kernel.value, self.cell.bias[1])
        return _batch_first(self, hidden, mask)

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
class Lstm(keras.layers.LSTM):  # type: ignore[misc]
    """:class:`keras.layers.LSTM`, all steps returned; quicker under TensorFlow."""

    def __init__(self, units: int, **options: Any) -> None:
        """Take what :class:`keras.layers.LSTM` does; :class:`ValueError` for other gates.

        ``return_sequences`` is not asked for.
        """
        super().__init__(units, **{**options, "return_sequences": True})
        _refuse_others(self, _WRITTEN_OUT)

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
        # Here, since the other backends go without TensorFlow.
        from intone_lab.architectures.lstm_scan import scan

        ops, cell = keras.ops, self.cell
        into_gates = ops.matmul(sequences, cell.kernel) + cell.bias
        told = ops.ones_like(into_gates[:, :, 0]) if mask is None else mask
        heard = ops.cast(told, into_gates.dtype)[:, :, None]
        hidden = scan(
            _steps_first(self, into_gates), cell.recurrent_kernel.value, _steps_first(self, heard)
        )
        return _batch_first(self, hidden, mask)


def _refuse_others(layer: keras.layers.RNN, written_out: dict[str, Any]) -> None:
    config = layer.get_config()
    other = [name for name, value in written_out.items() if config[name] != value]
    if other:
        raise ValueError(f"{', '.join(other)}: only {written_out} is written out")


def _steps_first(layer: keras.layers.RNN, inputs: Any) -> Any:
    """Return (steps, batch, n) of (batch, steps, n), in the order in which they are taken."""
    steps_first = keras.ops.transpose(inputs, (1, 0, 2))
    return keras.ops.flip(steps_first, 0) if layer.go_backwards else steps_first


def _batch_first(layer: keras.layers.RNN, hidden: Any, mask: Any) -> Any:
    """Return outputs (batch, steps, units), in the order in which they were made, as Keras's."""
    outputs = keras.ops.transpose(hidden, (1, 0, 2))
    if mask is None or not layer.zero_output_for_mask:
        return outputs
    mask = keras.ops.flip(mask, 1) if layer.go_backwards else mask
    return outputs * keras.ops.cast(mask, outputs.dtype)[:, :, None]
