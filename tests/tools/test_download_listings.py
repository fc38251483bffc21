"""Homes that list many files: every one comes, checked by what the listing says of it."""

import hashlib
import json

import pytest
from corpus_home import Served

pytest.importorskip("pooch", reason="the lab's extra is not installed")

from corpus_archive import QUICK, Told, files_under, md5, wav, zipped

from intone_lab.download.corpus import STAMP, download
from intone_lab.download.errors import DownloadError
from intone_lab.download.sources import Dataverse, GitHub, Source


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
    votes = b"fileName,A,D,F,H,N,S\n"
    home.files["/raw/VideoDemographics.csv"] = Served(table)
    home.files["/raw/results/votes.csv"] = Served(votes)
    home.files["/raw/AudioWAV/1001_IEO_ANG_LO.wav"] = Served(sound)
    top = [
        {"path": "VideoDemographics.csv", "type": "blob", "sha": git_id(table)},
        {"path": "README.md", "type": "blob", "sha": git_id(b"")},
        {"path": "AudioWAV", "type": "tree", "sha": "0"},
    ]
    within = [{"path": "1001_IEO_ANG_LO.wav", "type": "blob", "sha": git_id(pointer(sound))}]
    results = [
        {"path": "votes.csv", "type": "blob", "sha": git_id(votes)},
        {"path": "summary.csv", "type": "blob", "sha": git_id(b"")},
    ]
    for name, tree in (("main", top), ("main:AudioWAV", within), ("main:results", results)):
        content = json.dumps({"tree": tree, "truncated": False}).encode()
        home.files[f"/api/git/trees/{name}"] = Served(content)
    origin = GitHub(
        api_url=f"{home.url}/api",
        branch="main",
        folder="AudioWAV",
        files=("VideoDemographics.csv", "results/votes.csv"),
        raw_url=f"{home.url}/raw",
    )
    return Source("crema_d", home.url, 1, 1, origin)


def test_files_in_git_lfs_are_checked_by_the_id_of_their_pointer(github, tmp_path):
    download(github, tmp_path, Told(), QUICK)
    assert files_under(tmp_path) == [
        STAMP, "AudioWAV/1001_IEO_ANG_LO.wav", "VideoDemographics.csv", "results/votes.csv",
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
