"""The networks as TFLite files: converted once, and then given heads."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from enum import Enum
from pathlib import Path

import numpy as np

from intone.types import FloatArray
from intone_lab.catalogue import GENDERS
from intone_lab.heads.regression import Heads
from intone_lab.pretrained.settings import PRETRAINED, STATISTICS
from intone_lab.run_record import Weights
from intone_lab.teacher.encoder import SOURCES
from intone_lab.whole_files import write_whole

_CODE = ("network", "products", "spectra", "voices_graph", "whisper_graph", "whisper_weights")


class Converted(str, Enum):
    """What is converted; values are parts of the files' names."""

    STATISTICS = "statistics"
    """Without heads, int8 weights: what the heads are fitted to."""
    INT8 = "int8"
    FLOAT32 = "float32"


def converted(which: Converted, cache: Path) -> Path:
    """Return a file in ``cache``, where it is made, which takes ten seconds, if it is not there.

    Raises :class:`intone_lab.teacher.source.TeacherError` where the networks cannot be fetched.
    """
    path = cache / f"pretrained-{_version()}.{which.value}.tflite"
    if not path.exists():
        # Here, because it imports TensorFlow.
        from intone_lab.pretrained.network import Network

        heads = None if which is Converted.STATISTICS else _PLACES
        content = Network(cache).to_tflite(heads, quantised=which is not Converted.FLOAT32)
        write_whole(path, content)
    return path


def with_heads(heads: Heads, weights: Weights, cache: Path) -> bytes:
    """Return the model, its own weights as ``weights`` says and the heads' in float32.

    Raises what :func:`converted` does, and :class:`ValueError` for heads of another size.
    """
    content = converted(Converted(weights.value), cache).read_bytes()
    for place, head in ((_PLACES.emotion, heads.emotion), (_PLACES.gender, heads.gender)):
        # As the file has them, a row a label.
        before, after = place.T.astype("<f4").tobytes(), head.T.astype("<f4").tobytes()
        if content.count(before) != 1 or len(before) != len(after):
            raise ValueError(f"a head of {head.shape} does not go where {place.shape} stand")
        content = content.replace(before, after)
    return content


def _places() -> Heads:
    """What stands in a converted file where heads go: found again by their very bytes."""
    random = np.random.default_rng(0)

    def some(labels: int) -> FloatArray:
        return random.standard_normal((STATISTICS + 1, labels)).astype("f4")

    return Heads(some(len(PRETRAINED.emotions)), some(len(GENDERS)))


_PLACES = _places()


def _version() -> str:
    """Hash what a converted file depends on: the networks, and the code that puts them together."""
    digest = hashlib.sha256(json.dumps([asdict(source) for source in SOURCES]).encode())
    for name in _CODE:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:16]
