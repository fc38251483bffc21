"""Zip files into a folder, and nowhere else."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from intone_lab.download.errors import DownloadError


def within(folder: Path, name: str) -> Path:
    """Return where a file of this name goes. Raises :class:`DownloadError` if that is outside."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        raise DownloadError(f"refused: {name!r} would be written outside of {folder}")
    return folder.joinpath(*path.parts)


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack every file of a zip under ``folder`` and return where they are.

    Nothing is written if any of them is to go elsewhere, or if the disk has no room for all.
    Raises :class:`DownloadError`; an archive that is broken is deleted, so that the next attempt
    fetches it anew.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = list(_files(opened))
            targets = [within(folder, member.filename) for member in members]
            _check_room(folder, sum(member.file_size for member in members))
            for member, target in zip(members, targets, strict=True):
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        # RuntimeError: encrypted, or (as its NotImplementedError) packed in a way unknown here.
        archive.unlink()
        raise DownloadError(f"{archive.name} is no zip that can be read: {error}") from error
    except OSError as error:
        raise DownloadError(f"cannot unpack into {folder}: {error.strerror or error}") from error
    return targets


def _files(opened: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    for member in opened.infolist():
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DownloadError(f"refused: {member.filename!r} is a link")
        # Archives made on a Mac carry a shadow of every file.
        if not member.is_dir() and not member.filename.startswith("__MACOSX/"):
            yield member


def _check_room(folder: Path, needed_bytes: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes:
        raise DownloadError(
            f"{folder} has room for {free_bytes >> 20} MiB, and {needed_bytes >> 20} MiB are needed"
        )
