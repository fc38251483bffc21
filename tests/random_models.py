"""Every architecture of the lab with random weights, exported and laid out to be served.

A program of its own, so that the process under test does not carry TensorFlow:
``python random_models.py FOLDER [NAME…]``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

from intone_lab import export
from intone_lab.architectures import ARCHITECTURES, Architecture


def build(architecture: Architecture, emotions: int, seed: int = 3) -> keras.Model:
    """Random weights, batch normalisations off their start too, features on MFCC scale."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    width = architecture.features.width
    mean = rng.normal(0, 1, width).astype("f4")
    std = rng.uniform(1, 3, width).astype("f4")
    model = architecture.build(emotions, 2, mean, std, dropout=0.1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, *others = [rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()]
            # A scale below zero turns maxima into minima: it must not be moved over a pooling.
            layer.set_weights([gamma * rng.choice([-1.0, 1.0], gamma.shape), *others])
    return model


def write(folder: Path, names: list[str]) -> None:
    """Write ``folder/NAME`` for each architecture, with its own set of emotions."""
    for name in names or ARCHITECTURES:
        architecture = ARCHITECTURES[name]
        model = build(architecture, len(architecture.emotions))
        content = architecture.to_tflite(model, quantised=True)
        card = export.make_card(content, architecture=architecture)
        export.write_model(folder / name, content, card)


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2:])
