"""What a network says of the teacher's frames while it is trained; it ships without."""

from __future__ import annotations

import keras

from intone_lab.architectures.layers import RunningPool, pool_of

FRAME = "teacher_frame"
"""Output (batch, steps, components) of a streaming network: the teacher's frame at each step."""

UTTERANCE = "teacher_utterance"
"""Output (batch, answers, 2 x components): mean and deviation of the frames so far."""


def add(model: keras.Model, components: int, *, with_frames: bool = True) -> keras.Model:
    """Return ``model`` with these outputs besides its own, on the same weights.

    Both are linear: what the teacher knows is to be in what the network pools.
    """
    pool = pool_of(model)
    outputs = dict(model.output)
    outputs[UTTERANCE] = keras.layers.Dense(2 * components, name=UTTERANCE)(pool.output)
    if with_frames and isinstance(pool, RunningPool):
        outputs[FRAME] = keras.layers.Dense(components, name=FRAME)(pool.input)
    return keras.Model(model.inputs, outputs)


def removed(model: keras.Model) -> keras.Model:
    """Return what :func:`add` was given; ``model`` itself if nothing was added to it."""
    own = {name: tensor for name, tensor in model.output.items() if name not in (FRAME, UTTERANCE)}
    return model if len(own) == len(model.output) else keras.Model(model.inputs, own)
