"""A corpus comes from its home whole, or not at all and with the reason; nothing comes twice."""

import hashlib
import os

import pytest
from corpus_home import Served, running_home

pytest.importorskip("pooch", reason="the lab's extra is not installed")

from corpus_archive import (
    CONTENT,
    HALF,
    NAMES,
    QUICK,
    ZIP,
    Told,
    archive_at,
    files_under,
    md5,
    wav,
    zipped,
)

from intone_lab.download.corpus import STAMP, download
from intone_lab.download.errors import DownloadError
from intone_lab.download.fetching import CHUNK_BYTES


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
    ("checksum", "second"),
    [(md5(CONTENT), f"bytes={CHUNK_BYTES}-"), (None, None)],
    # The same in every process: the archive's checksum tells when it was made.
    ids=["with a checksum", "without"],
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


def test_what_is_no_zip_is_not_kept(home, tmp_path):
    home.files[ZIP] = Served(b"<html>moved</html>")
    with pytest.raises(DownloadError, match=r"speech\.zip is no zip"):
        download(archive_at(home, checksum=None), tmp_path, Told(), QUICK)
    assert files_under(tmp_path) == []
