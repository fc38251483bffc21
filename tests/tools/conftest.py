from collections.abc import Iterator

import pytest
from corpus_home import Home, running_home


@pytest.fixture
def home() -> Iterator[Home]:
    """A corpus's home; what it serves and how it fails, a test chooses."""
    with running_home() as running:
        yield running
