"""A sound file that was cut off is named, where libsndfile reads on."""

import struct

import numpy as np
import pytest
import soundfile

from intone_lab.catalogue import CorpusError
from intone_lab.corpora import read_audio


@pytest.mark.parametrize("name", ["a.wav", "a.aiff"])
def test_a_file_that_was_cut_off_is_no_clip(tmp_path, name):
    path = tmp_path / name
    soundfile.write(path, np.full(16_000, 0.1), 16_000, subtype="PCM_16")
    assert len(read_audio(path)[0]) == 16_000
    content = path.read_bytes()
    path.write_bytes(content[:10_000])
    with pytest.raises(CorpusError, match=f"cut short: at least {len(content) - 10_000} bytes"):
        read_audio(path)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x80000024, 0xFFFFFFFF])
def test_a_file_whose_writer_could_not_know_its_size_is_heard(tmp_path, size):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(16_000, 0.1), 16_000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack("<I", size)
    path.write_bytes(content)
    assert len(read_audio(path)[0]) == 16_000
