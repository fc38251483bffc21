"""An archive is unpacked below its folder, where there is room, or not at all."""

import zipfile

import pytest

pytest.importorskip("pooch", reason="the lab's extra is not installed")

from corpus_archive import files_under, zipped

from intone_lab.download.errors import DownloadError
from intone_lab.download.unpacking import unpack


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
