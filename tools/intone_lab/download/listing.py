"""What there is to fetch at a corpus's home, as the home itself lists it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from intone_lab.download.errors import DownloadError
from intone_lab.download.fetching import RemoteFile
from intone_lab.download.sources import Archive, ByHand, Dataverse, GitHub, Source

GetJson = Callable[[str], Any]


def list_files(source: Source, get_json: GetJson) -> list[RemoteFile]:
    """Return every file of a corpus. Raises :class:`DownloadError`, as does ``get_json``."""
    origin = source.origin
    try:
        if isinstance(origin, Archive):
            name = urlsplit(origin.url).path.rpartition("/")[2]
            files = [RemoteFile(origin.url, name, origin.checksum)]
        elif isinstance(origin, Dataverse):
            files = list(_dataverse(origin, get_json))
        elif isinstance(origin, GitHub):
            files = list(_github(origin, get_json))
        else:
            raise DownloadError(_by_hand(source, origin))
    except (KeyError, TypeError, AttributeError) as error:
        raise DownloadError(f"the listing of {source.home} has changed its form") from error
    if not files:
        raise DownloadError(f"{source.home} lists no files")
    return files


def _dataverse(origin: Dataverse, get_json: GetJson) -> Iterator[RemoteFile]:
    # Native API, "List Files in a Dataset"; the zip of all of them is cut off at a size that each
    # server sets.
    listing = get_json(
        f"{origin.server_url}/api/datasets/:persistentId/versions/:latest-published/files"
        f"?persistentId={origin.persistent_id}"
    )
    for entry in listing["data"]:
        file = entry["dataFile"]
        kind, value = file["checksum"]["type"], file["checksum"]["value"]
        folder = entry.get("directoryLabel")
        yield RemoteFile(
            url=f"{origin.server_url}/api/access/datafile/{file['id']}",
            path=f"{folder}/{file['filename']}" if folder else file["filename"],
            checksum=f"{kind.lower().replace('-', '')}:{value}",
        )


def _github(origin: GitHub, get_json: GetJson) -> Iterator[RemoteFile]:
    # REST API, "Get a tree": a folder in one answer, of at most 100,000 entries.
    for folder in sorted({origin.folder, *(path.rpartition("/")[0] for path in origin.files)}):
        within = f":{quote(folder)}" if folder else ""
        listing = get_json(f"{origin.api_url}/git/trees/{origin.branch}{within}")
        if listing["truncated"]:
            raise DownloadError(f"{origin.api_url} does not list all of its files any more")
        for entry in listing["tree"]:
            path = f"{folder}/{entry['path']}".lstrip("/")
            if entry["type"] == "blob" and (folder == origin.folder or path in origin.files):
                yield _blob(origin, path, entry["sha"])


def _blob(origin: GitHub, path: str, sha: str) -> RemoteFile:
    return RemoteFile(f"{origin.raw_url}/{quote(path)}", path, f"git:{sha}")


def _by_hand(source: Source, origin: ByHand) -> str:
    return (
        f"{source.corpus} is given out by hand: {origin.how}, and unpack it into a folder "
        f"{source.corpus} among your corpora"
    )
