"""A corpus comes from its home whole, or not at all and with the reason; nothing comes twice."""

import hashlib
import io
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from corpus_home import Served, running_home

from intone_lab.catalogue import CORPORA
from intone_lab.cli import main

pytest.importorskip("pooch", reason="the lab's extra is not installed")

from intone_lab.download import sources
from intone_lab.download.corpus import STAMP, download
from intone_lab.download.errors import DownloadError
from intone_lab.download.fetching import CHUNK_BYTES, Patience
from intone_lab.download.sources import SOURCES, Archive, ByHand, Dataverse, GitHub, Source
from intone_lab.download.unpacking import unpack

QUICK = Patience(connect_s=5, read_s=5, retries=2, backoff_s=0)
ZIP = "/files/speech.zip"
NAMES = tuple(f"Actor_0{actor}/03-01-03-01-01-01-0{actor}.wav" for actor in (1, 2, 3))


class Told:
    """Notes what a download reports."""

    def __init__(self):
        self.files = self.finished = self.count_bytes = 0

    def expect(self, files):
        self.files = files

    def advance(self, count_bytes):
        self.count_bytes += count_bytes

    def done(self):
        self.finished += 1


@pytest.fixture
def home():
    with running_home() as running:
        yield running


def wav(seed: int) -> bytes:
    """Half a second of noise: what does not compress is not cut off by luck."""
    file = io.BytesIO()
    noise = 0.1 * np.random.default_rng(seed).standard_normal(8_000)
    soundfile.write(file, noise, 16_000, format="WAV")
    return file.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return archive.getvalue()


CONTENT = zipped({name: wav(seed) for seed, name in enumerate(NAMES)})


HALF = len(CONTENT) // 2 // CHUNK_BYTES * CHUNK_BYTES
"""Broken off between two chunks, nothing of what came is lost."""


def md5(content: bytes) -> str:
    return "md5:" + hashlib.md5(content, usedforsecurity=False).hexdigest()


def archive_at(home, checksum: str | None = md5(CONTENT)) -> Source:
    home.files.setdefault(ZIP, Served(CONTENT))
    return Source("ravdess", home.url, 1, len(NAMES), Archive(home.url + ZIP, checksum))


def files_under(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_an_archive_is_fetched_checked_and_unpacked(home, tmp_path):
    told = Told()
    fetched = download(archive_at(home), tmp_path, told, QUICK)
    assert files_under(tmp_path) == sorted([STAMP, *NAMES])
    assert (tmp_path / NAMES[0]).read_bytes() == wav(0)
    assert (fetched.files, fetched.was_there, fetched.sha256) == (3, False, None)
    assert (told.files, told.finished, told.count_bytes) == (1, 1, len(CONTENT))


def test_a_second_time_asks_the_network_nothing(home, tmp_path):
    source = archive_at(home)
    download(source, tmp_path, Told(), QUICK)
    asked = len(home.asked)
    assert download(source, tmp_path, Told(), QUICK).was_there
    assert len(home.asked) == asked
    # Unless something is missing.
    (tmp_path / NAMES[1]).unlink()
    assert not download(source, tmp_path, Told(), QUICK).was_there
    assert files_under(tmp_path) == sorted([STAMP, *NAMES])


def test_without_a_published_checksum_that_of_what_came_is_told(home, tmp_path):
    fetched = download(archive_at(home, checksum=None), tmp_path, Told(), QUICK)
    assert fetched.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_transfer_that_breaks_off_goes_on_from_there(home, tmp_path):
    source = archive_at(home)
    home.files[ZIP].break_after = [CHUNK_BYTES, 2 * CHUNK_BYTES + 100]
    told = Told()
    download(source, tmp_path, told, QUICK)
    parts = [None, f"bytes={CHUNK_BYTES}-", f"bytes={3 * CHUNK_BYTES}-"]
    assert [asked.range for asked in home.asked] == parts
    assert {asked.if_range for asked in home.asked[1:]} == {'"v1"'}
    assert told.count_bytes == len(CONTENT)
    assert (tmp_path / NAMES[2]).read_bytes() == wav(2)


def test_a_later_command_goes_on_where_one_gave_up(home, tmp_path):
    source = archive_at(home)
    home.files[ZIP].break_after = [HALF, 0, 0, 0]
    with pytest.raises(DownloadError, match=r"broke off .* bytes are kept, and the same command"):
        download(source, tmp_path, Told(), QUICK)
    home.asked.clear()
    told = Told()
    download(source, tmp_path, told, QUICK)
    assert [asked.range for asked in home.asked] == [f"bytes={HALF}-"]
    assert told.count_bytes == len(CONTENT)
    assert files_under(tmp_path) == sorted([STAMP, *NAMES])


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(home, tmp_path):
    old = zipped({NAMES[0]: wav(9)})
    home.files[ZIP] = Served(old, break_after=[CHUNK_BYTES, 0, 0, 0])
    with pytest.raises(DownloadError, match="8,192 bytes are kept"):
        download(archive_at(home), tmp_path, Told(), QUICK)
    home.files[ZIP] = Served(CONTENT, etag='"v2"')
    told = Told()
    download(archive_at(home), tmp_path, told, QUICK)
    assert told.count_bytes == len(CONTENT)


def test_a_server_that_gives_no_parts_starts_over(home, tmp_path):
    source = archive_at(home)
    home.files[ZIP].ranges = False
    home.files[ZIP].break_after = [10_000]
    told = Told()
    download(source, tmp_path, told, QUICK)
    assert len(home.asked) == 2
    assert told.count_bytes == len(CONTENT)
    assert files_under(tmp_path) == sorted([STAMP, *NAMES])


@pytest.mark.parametrize(
    ("checksum", "second"), [(md5(CONTENT), f"bytes={CHUNK_BYTES}-"), (None, None)]
)
def test_without_a_version_a_rest_is_trusted_only_to_a_checksum(home, tmp_path, checksum, second):
    source = archive_at(home, checksum)
    home.files[ZIP].etag = None
    home.files[ZIP].break_after = [CHUNK_BYTES]
    download(source, tmp_path, Told(), QUICK)
    assert [asked.range for asked in home.asked] == [None, second]


def test_what_was_whole_but_not_yet_in_place_is_not_fetched_again(home, tmp_path):
    source = archive_at(home)
    (tmp_path / ".speech.zip.part").write_bytes(CONTENT)
    download(source, tmp_path, Told(), QUICK)
    assert [asked.range for asked in home.asked] == [f"bytes={len(CONTENT)}-"]
    assert files_under(tmp_path) == sorted([STAMP, *NAMES])


def test_what_was_kept_of_something_longer_is_thrown_away(home, tmp_path):
    source = archive_at(home)
    (tmp_path / ".speech.zip.part").write_bytes(CONTENT + b"more")
    told = Told()
    download(source, tmp_path, told, QUICK)
    assert told.count_bytes == len(CONTENT)


def test_a_wrong_checksum_keeps_nothing(home, tmp_path):
    with pytest.raises(DownloadError, match=r"speech\.zip.*does not match the known hash"):
        download(archive_at(home, "md5:" + "0" * 32), tmp_path, Told(), QUICK)
    assert files_under(tmp_path) == []


@pytest.mark.parametrize(("status", "said"), [(404, "404 Not Found"), (503, "503 Service")])
def test_what_a_home_refuses_is_told_in_its_words(home, tmp_path, status, said):
    home.files[ZIP] = Served(b"", status=status)
    with pytest.raises(DownloadError, match=said) as caught:
        download(archive_at(home), tmp_path, Told(), QUICK)
    assert home.url + ZIP in str(caught.value)


def test_a_busy_home_is_asked_again(home, tmp_path):
    source = archive_at(home)
    home.files[ZIP].busy = 2
    download(source, tmp_path, Told(), QUICK)
    assert len(home.asked) == 3


def test_no_home_at_all_is_an_error_in_words(tmp_path):
    with running_home() as gone:
        source = archive_at(gone)
    with pytest.raises(DownloadError, match="refused"):
        download(source, tmp_path, Told(), QUICK)


def test_a_folder_that_cannot_be_written_is_named(home, tmp_path):
    # A file where the folder should be: refused to root as well, which tests may run as.
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"cannot write .*taken"):
        download(archive_at(home), tmp_path / "taken" / "ravdess", Told(), QUICK)
    if os.geteuid():
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(DownloadError, match=r"cannot write .*locked"):
            download(archive_at(home), tmp_path / "locked", Told(), QUICK)


@pytest.mark.parametrize(
    "name", ["../evil.wav", "a/../../evil.wav", "/evil.wav", "..\\evil.wav", "C:\\evil.wav"]
)
def test_an_archive_that_writes_elsewhere_is_refused_whole(tmp_path, name):
    archive = tmp_path / "bad.zip"
    archive.write_bytes(zipped({"good.wav": b"x", name: b"x"}))
    with pytest.raises(DownloadError, match=r"refused: .*outside"):
        unpack(archive, tmp_path / "in" / "here")
    assert files_under(tmp_path) == ["bad.zip"]


def test_an_archive_with_a_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("link.wav")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(DownloadError, match="is a link"):
        unpack(tmp_path / "bad.zip", tmp_path / "here")


def test_an_archive_with_no_room_is_refused_before_anything_is_written(tmp_path):
    archive = tmp_path / "huge.zip"
    content = bytearray(zipped({"a.wav": b"x"}))
    # The central directory's uncompressed size: almost 4 GiB, of many such files.
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = b"\xfe\xff\xff\xff"
    directory = bytes(content[entry : content.index(b"PK\x05\x06")])
    count = 60_000
    end = content[content.index(b"PK\x05\x06") :]
    end[8:12] = count.to_bytes(2, "little") * 2
    end[12:16] = (len(directory) * count).to_bytes(4, "little")
    archive.write_bytes(bytes(content[:entry]) + directory * count + bytes(end))
    with pytest.raises(DownloadError, match="has room for"):
        unpack(archive, tmp_path / "here")
    assert files_under(tmp_path / "here") == []


def test_what_is_no_zip_is_not_kept(home, tmp_path):
    home.files[ZIP] = Served(b"<html>moved</html>")
    with pytest.raises(DownloadError, match=r"speech\.zip is no zip"):
        download(archive_at(home, checksum=None), tmp_path, Told(), QUICK)
    assert files_under(tmp_path) == []


# --- homes that list many files -------------------------------------------------------------


@pytest.fixture
def dataverse(home):
    """Two sound files and a zip, as Dataverse's native API lists them."""
    contents = {
        "OAF_back_fear.wav": wav(1),
        "YAF_back_ps.wav": wav(2),
        "rest.zip": zipped({"OAF_bar_sad.wav": wav(3)}),
    }
    listing = []
    for number, (name, content) in enumerate(contents.items()):
        home.files[f"/api/access/datafile/{number}"] = Served(content)
        checksum = {"type": "MD5", "value": md5(content).removeprefix("md5:")}
        file = {"id": number, "filename": name, "checksum": checksum}
        listing.append({"label": name, "directoryLabel": "sound", "dataFile": file})
    address = "/api/datasets/:persistentId/versions/:latest-published/files?persistentId=doi:10.1/X"
    home.files[address] = Served(json.dumps({"status": "OK", "data": listing}).encode())
    return Source("tess", home.url, 1, 3, Dataverse(home.url, "doi:10.1/X"))


def test_every_file_of_a_dataverse_comes_with_its_checksum(dataverse, tmp_path):
    told = Told()
    assert download(dataverse, tmp_path, told, QUICK).files == 3
    assert files_under(tmp_path) == sorted(
        [STAMP, "OAF_bar_sad.wav", "sound/OAF_back_fear.wav", "sound/YAF_back_ps.wav"]
    )
    assert (told.files, told.finished) == (3, 3)


def test_a_listing_that_is_interrupted_goes_on_with_the_files_that_lack(home, dataverse, tmp_path):
    home.files["/api/access/datafile/1"].status = 404
    with pytest.raises(DownloadError, match="404"):
        download(dataverse, tmp_path, Told(), QUICK)
    assert not (tmp_path / STAMP).exists()
    home.files["/api/access/datafile/1"].status = 200
    had = {path.name for path in tmp_path.rglob("*.wav")}
    home.asked.clear()
    download(dataverse, tmp_path, Told(), QUICK)
    asked = {request.path for request in home.asked}
    assert "/api/access/datafile/1" in asked
    assert ("/api/access/datafile/0" in asked) == ("OAF_back_fear.wav" not in had)


def test_a_listing_that_leads_elsewhere_or_is_not_understood_is_refused(home, tmp_path):
    source = Source("tess", home.url, 1, 3, Dataverse(home.url, "doi:10.1/X"))
    address = "/api/datasets/:persistentId/versions/:latest-published/files?persistentId=doi:10.1/X"
    file = {"id": 1, "filename": "../../evil.wav", "checksum": {"type": "MD5", "value": "0"}}
    for data, said in (
        ([{"dataFile": file}], "outside"),
        ([], "lists no files"),
        ([{"label": "x"}], "changed its form"),
    ):
        home.files[address] = Served(json.dumps({"data": data}).encode())
        with pytest.raises(DownloadError, match=said):
            download(source, tmp_path / "in", Told(), QUICK)
    home.files[address] = Served(b"<html>")
    with pytest.raises(DownloadError, match="persistentId"):
        download(source, tmp_path / "in", Told(), QUICK)
    assert files_under(tmp_path) == []


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def pointer(content: bytes) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"
    return text.encode()


@pytest.fixture
def github(home):
    """One sound file in git-lfs and the table of actors beside it, as GitHub's API lists them."""
    table = b"ActorID,Age,Sex\n1001,51,Male\n"
    sound = wav(1)
    home.files["/raw/VideoDemographics.csv"] = Served(table)
    home.files["/raw/AudioWAV/1001_IEO_ANG_LO.wav"] = Served(sound)
    top = [
        {"path": "VideoDemographics.csv", "type": "blob", "sha": git_id(table)},
        {"path": "README.md", "type": "blob", "sha": git_id(b"")},
        {"path": "AudioWAV", "type": "tree", "sha": "0"},
    ]
    within = [{"path": "1001_IEO_ANG_LO.wav", "type": "blob", "sha": git_id(pointer(sound))}]
    for name, tree in (("main", top), ("main:AudioWAV", within)):
        content = json.dumps({"tree": tree, "truncated": False}).encode()
        home.files[f"/api/git/trees/{name}"] = Served(content)
    origin = GitHub(
        f"{home.url}/api", "main", "AudioWAV", ("VideoDemographics.csv",), f"{home.url}/raw"
    )
    return Source("crema_d", home.url, 1, 1, origin)


def test_files_in_git_lfs_are_checked_by_the_id_of_their_pointer(github, tmp_path):
    download(github, tmp_path, Told(), QUICK)
    assert files_under(tmp_path) == [
        STAMP, "AudioWAV/1001_IEO_ANG_LO.wav", "VideoDemographics.csv",
    ]  # fmt: skip
    assert (tmp_path / "AudioWAV" / "1001_IEO_ANG_LO.wav").read_bytes() == wav(1)


@pytest.mark.parametrize("content", [wav(2), pointer(wav(2)), pointer(wav(1)), b""])
def test_what_the_repository_does_not_list_is_not_kept(home, github, tmp_path, content):
    home.files["/raw/AudioWAV/1001_IEO_ANG_LO.wav"].content = content
    with pytest.raises(DownloadError, match="is not the file that the home's listing names"):
        download(github, tmp_path, Told(), QUICK)
    assert not list(tmp_path.rglob("*.wav*"))


def test_a_pointer_left_by_a_clone_without_git_lfs_is_replaced_by_the_sound(github, tmp_path):
    path = tmp_path / "AudioWAV" / "1001_IEO_ANG_LO.wav"
    path.parent.mkdir()
    path.write_bytes(pointer(wav(1)))
    download(github, tmp_path, Told(), QUICK)
    assert path.read_bytes() == wav(1)


def test_a_listing_that_is_cut_short_is_refused(home, github, tmp_path):
    content = json.dumps({"tree": [], "truncated": True}).encode()
    home.files["/api/git/trees/main:AudioWAV"] = Served(content)
    with pytest.raises(DownloadError, match="does not list all"):
        download(github, tmp_path, Told(), QUICK)


# --- the command ----------------------------------------------------------------------------


def run(*arguments, **kwargs):
    return CliRunner().invoke(main, ["download", *map(str, arguments)], **kwargs)


@pytest.fixture
def at_home(home, monkeypatch):
    monkeypatch.setattr(sources, "SOURCES", {**SOURCES, "ravdess": archive_at(home)})
    return home


def test_the_command_states_size_and_licence_and_asks(at_home, tmp_path):
    done = run("ravdess", "--to", tmp_path, input="n\n")
    assert done.exit_code == 1
    assert "CC BY-NC-SA 4.0" in done.stdout
    assert "about 1 MB" in done.stdout
    assert at_home.asked == []
    done = run("ravdess", "--to", tmp_path, input="y\n")
    assert done.exit_code == 0, done.output
    assert f"{tmp_path / 'ravdess'}: 3 clips of 3 speakers" in done.stdout
    again = run("ravdess", "--to", tmp_path, "--yes")
    assert "nothing to do: all 3 files" in again.stdout


def test_the_command_tells_what_is_unchecked_and_what_lacks(at_home, tmp_path, monkeypatch):
    lesser = replace(archive_at(at_home, checksum=None), clips=4)
    monkeypatch.setattr(sources, "SOURCES", {"ravdess": lesser})
    done = run("ravdess", "--to", tmp_path, "--yes")
    assert done.exit_code == 0, done.output
    assert hashlib.sha256(CONTENT).hexdigest() in done.stdout
    assert "the complete corpus has 4" in done.stderr


def test_the_command_ends_with_the_reason(at_home, tmp_path, monkeypatch):
    # Nothing comes before it on standard error: a bar is for terminals alone.
    monkeypatch.setenv("FORCE_COLOR", "1")
    at_home.files[ZIP].status = 404
    done = run("ravdess", "--to", tmp_path, "--yes")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: http://127.0.0.1"), done.stderr


def test_what_is_given_out_by_hand_is_told_how(tmp_path):
    done = run("savee", "--to", tmp_path)
    assert done.exit_code == 1
    assert "register at http" in done.stderr
    assert run("iemocap").exit_code == 2


def test_every_corpus_has_a_home():
    assert SOURCES.keys() == CORPORA.keys()
    for source in SOURCES.values():
        assert source.home.startswith("http")
        assert source.clips > 0
    assert [s.corpus for s in SOURCES.values() if isinstance(s.origin, ByHand)] == ["savee"]
