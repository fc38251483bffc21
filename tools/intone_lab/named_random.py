"""Chance that depends on names alone: the same in every run, whatever else is drawn."""

from __future__ import annotations

import hashlib

import numpy as np


def named_generator(*names: str, seed: int = 0) -> np.random.Generator:
    """Return a generator for ``names``: a clip's key and what is done to it, for instance."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
