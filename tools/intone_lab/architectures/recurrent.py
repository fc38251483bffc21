"""Keras's GRU layer, its steps and their gradient written out for training on a CPU."""

from __future__ import annotations

from typing import Any

import keras

_WRITTEN_OUT = {
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "use_bias": True,
    "reset_after": True,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "return_state": False,
    "stateful": False,
}
"""Keras's own choice, and the one for which :mod:`intone_lab.architectures.gru_scan` is right."""

_SHUT = 1e9
"""Added to what the update gate takes in: its sigmoid is 1, and has no gradient."""


@keras.saving.register_keras_serializable("intone")
class Gru(keras.layers.GRU):  # type: ignore[misc]
    """:class:`keras.layers.GRU` from a zero state, all steps returned; quicker under TensorFlow.

    The same weights give the same answers and gradients. Under other backends it is Keras's own.
    """

    def __init__(self, units: int, **options: Any) -> None:
        """Take what :class:`keras.layers.GRU` does; :class:`ValueError` for other gates than its.

        ``return_sequences`` is not asked for.
        """
        super().__init__(units, **{**options, "return_sequences": True})
        config = self.get_config()
        other = [name for name, value in _WRITTEN_OUT.items() if config[name] != value]
        if other:
            raise ValueError(f"{', '.join(other)}: only {_WRITTEN_OUT} is written out")

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

        ops, cell = keras.ops, self.cell
        steps_first = ops.transpose(self._into_gates(sequences, mask), (1, 0, 2))
        if self.go_backwards:
            steps_first = ops.flip(steps_first, 0)
            mask = None if mask is None else ops.flip(mask, 1)
        hidden = scan(steps_first, cell.recurrent_kernel.value, cell.bias[1])
        outputs = ops.transpose(hidden, (1, 0, 2))
        if mask is not None and self.zero_output_for_mask:
            outputs = outputs * ops.cast(mask, outputs.dtype)[:, :, None]
        return outputs

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
