"""Where each corpus is at home. Data only: looked up, not guessed, and changed here alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Archive:
    """One zip file."""

    url: str
    checksum: str | None
    """``md5:…`` as its home publishes it; None where it publishes none."""


@dataclass(frozen=True, slots=True)
class Dataverse:
    """Every file of a dataset on a Dataverse server, whose listing carries checksums."""

    server_url: str
    persistent_id: str


@dataclass(frozen=True, slots=True)
class GitHub:
    """Files of a GitHub repository, as its listing names them, with git's own ids as checksums."""

    api_url: str
    branch: str
    folder: str
    """Taken whole; the sound."""
    files: tuple[str, ...]
    """Taken besides, by their paths."""
    raw_url: str
    """Where the files' content is, git-lfs's resolved; need not be GitHub: the ids tell."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """A home that gives the corpus out only to those it has met."""

    how: str


@dataclass(frozen=True, slots=True)
class Source:
    """One corpus's home."""

    corpus: str
    """Its name in the catalogue, which knows the licence."""
    home: str
    """The page that a person reads."""
    size_mb: int
    """About, to decide by before anything is fetched."""
    clips: int
    """Speech clips in the complete corpus."""
    origin: Archive | Dataverse | GitHub | ByHand


_ALL = (
    Source(
        corpus="ravdess",
        home="https://zenodo.org/records/1188976",
        size_mb=208,
        clips=1_440,
        origin=Archive(
            url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
            checksum="md5:bc696df654c87fed845eb13823edef8a",
        ),
    ),
    Source(
        corpus="crema_d",
        home="https://github.com/CheyneyComputerScience/CREMA-D",
        size_mb=600,
        clips=7_442,
        origin=GitHub(
            api_url="https://api.github.com/repos/CheyneyComputerScience/CREMA-D",
            branch="master",
            folder="AudioWAV",
            files=(
                "VideoDemographics.csv",
                "processedResults/tabulatedVotes.csv",
                "LICENSE.txt",
            ),
            # The repository is over its git-lfs quota; its authors send people to their mirror
            # (CREMA-D's issue 15).
            raw_url="https://gitlab.com/cs-cooper-lab/crema-d-mirror/-/raw/main",
        ),
    ),
    Source(
        corpus="savee",
        home="http://kahlan.eps.surrey.ac.uk/savee/",
        size_mb=160,
        clips=480,
        origin=ByHand(
            "register at http://kahlan.eps.surrey.ac.uk/savee/Download.html, fetch the audio "
            "with the password that is sent to you"
        ),
    ),
    Source(
        corpus="tess",
        home="https://borealisdata.ca/dataset.xhtml?persistentId=doi:10.5683/SP2/E8H2MF",
        size_mb=270,
        clips=2_800,
        origin=Dataverse("https://borealisdata.ca", "doi:10.5683/SP2/E8H2MF"),
    ),
    Source(
        corpus="emodb",
        home="http://emodb.bilderbar.info/",
        size_mb=40,
        clips=535,
        origin=Archive(url="http://emodb.bilderbar.info/download/download.zip", checksum=None),
    ),
)

SOURCES: Mapping[str, Source] = {source.corpus: source for source in _ALL}
"""Every corpus's home, by the corpus's name."""
