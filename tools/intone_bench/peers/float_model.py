"""The default network in float32, random weights: for its cost beside the int8 one's.

``python -m intone_bench.peers.float_model FOLDER`` writes a model folder of the same name.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from intone_lab import export
from intone_lab.architectures import ARCHITECTURES


def write(folder: Path) -> None:
    """Write the model."""
    architecture = ARCHITECTURES[folder.name]
    width = architecture.features.width
    level = np.ones(width, np.float32)
    model = architecture.build(
        len(architecture.emotions), 2, np.zeros_like(level), level, dropout=0.0
    )
    content = architecture.to_tflite(model, quantised=False)
    export.write_model(folder, content, export.make_card(content, architecture=architecture))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
