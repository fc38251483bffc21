"""What a trained network pools of utterances: its heads' input, whatever comes after them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from intone.types import FloatArray
from intone_lab.architectures import Architecture
from intone_lab.architectures.layers import pool_of
from intone_lab.augment import AugmentSettings, augment, draw_warps
from intone_lab.dataset import as_features

_BATCH = 64
_LENGTHS = 64
"""Batches are this many frames long, or a multiple: a graph is made for each length."""


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """What is pooled of one utterance, float32 (statistics,) each."""

    end: FloatArray
    middle: FloatArray | None
    """Half of the way; None of a network that answers at the end alone."""
    warp: float
    """By what share its formants were moved down."""


class Pooler:
    """A trained network without its heads."""

    def __init__(self, model: keras.Model, architecture: Architecture) -> None:
        self._network = keras.Model(model.inputs, pool_of(model).output)
        self._architecture = architecture

    def of(
        self,
        utterances: Sequence[FloatArray],
        changes: AugmentSettings | None = None,
        rng: np.random.Generator | None = None,
    ) -> list[Pooled]:
        """Return what is pooled of each of ``utterances``, float32 (frames, width), a step or more.

        They are of :data:`intone_lab.dataset.FEATURES`. Where ``changes`` are given, each is
        altered so first, as ``rng`` draws it; others' voices are then those of its batch.
        """
        pooled: dict[int, Pooled] = {}
        whole = [self._cut(utterance) for utterance in utterances]
        for places, batch in _batches(whole):
            warps = np.zeros(len(batch), np.float32)
            if changes is not None:
                assert rng is not None
                warps = draw_warps(changes, len(batch), rng)
                batch = augment(batch, changes, rng, warps)  # noqa: PLW2901 - the same, altered
            frames = np.array([len(whole[place]) for place in places], np.int32)
            for place, row, warp in zip(places, self._rows(batch, frames), warps, strict=True):
                pooled[place] = Pooled(*row, float(warp))
        return [pooled[place] for place in range(len(utterances))]

    def _cut(self, utterance: FloatArray) -> FloatArray:
        longest = None if self._architecture.is_streaming else self._architecture.longest_frames
        return utterance[:longest]

    def _rows(
        self, batch: FloatArray, frames: NDArray[np.int32]
    ) -> Iterator[tuple[FloatArray, FloatArray | None]]:
        inputs = {
            "features": as_features(batch, self._architecture.features),
            "allowed": np.zeros((len(batch), len(self._architecture.emotions)), np.float32),
            "frames": frames,
        }
        for answers, length in zip(self._network.predict_on_batch(inputs), frames, strict=True):
            if not self._architecture.is_streaming:
                yield answers[-1].copy(), None
                continue
            steps = int(length) // self._architecture.stride
            # Copies: each would keep the whole of its batch in memory.
            yield answers[steps - 1].copy(), answers[max(steps // 2, 1) - 1].copy()


def _batches(utterances: Sequence[FloatArray]) -> Iterator[tuple[list[int], FloatArray]]:
    """Return places of ``utterances``, those as long together, and float32 (rows, frames, width).

    Filled up with their last frames, which are silence most often. Noise that is drawn for a row is
    so much under all of it: half a decibel louder, about, where a tenth is such silence.
    """
    by_length = sorted(range(len(utterances)), key=lambda place: len(utterances[place]))
    for start in range(0, len(by_length), _BATCH):
        places = by_length[start : start + _BATCH]
        longest = -(-len(utterances[places[-1]]) // _LENGTHS) * _LENGTHS
        rows = [
            np.pad(utterances[place], ((0, longest - len(utterances[place])), (0, 0)), mode="edge")
            for place in places
        ]
        yield places, np.stack(rows)
