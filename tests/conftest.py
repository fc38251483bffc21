"""What every test may ask for: where things lie, and the speech to feed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The checkout."""
    return REPO


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The committed synthetic speech; ``tests/data/make.sh`` says what is in it."""
    return REPO / "tests" / "data"


@pytest.fixture(scope="session")
def male_wav(data_dir: Path) -> Path:
    """One utterance, 16 kHz 16-bit mono."""
    return data_dir / "male_16k.wav"


@pytest.fixture(scope="session")
def female_wav(data_dir: Path) -> Path:
    """One utterance, 16 kHz 16-bit mono."""
    return data_dir / "female_16k.wav"


@pytest.fixture(scope="session")
def two_utterances_wav(data_dir: Path) -> Path:
    """A man, 1.5 s of silence, a woman; 16 kHz 16-bit mono."""
    return data_dir / "two_utterances_16k.wav"


@pytest.fixture(scope="session")
def stereo_wav(data_dir: Path) -> Path:
    """A man on the left, a woman on the right, at once; 48 kHz 24-bit."""
    return data_dir / "stereo_48k_24bit.wav"


@pytest.fixture(scope="session")
def corpora_root() -> Path:
    """Recorded speech outside the repository: ``INTONE_CORPORA``, or beside the checkout."""
    root = Path(os.environ.get("INTONE_CORPORA") or REPO.parent / "shared" / "corpora")
    if not root.is_dir():
        pytest.skip("no corpora: INTONE_CORPORA names no folder")
    return root
