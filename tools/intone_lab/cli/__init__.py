"""``intone-lab``: from folders of recorded speech to models that the server runs."""

from __future__ import annotations

import os

import click

from intone_lab.cli.corpora import corpora
from intone_lab.cli.download import download
from intone_lab.cli.evaluate import evaluate
from intone_lab.cli.explore import explore
from intone_lab.cli.reproduce import reproduce
from intone_lab.cli.train import train


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train, export and measure intone's models."""
    # TensorFlow's own chatter would bury the progress lines.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


for _command in (corpora, download, explore, train, evaluate, reproduce):
    main.add_command(_command)
