"""A clip that cannot be read is left out and named; what was good is not read again."""

import os

import numpy as np
import pytest
import soundfile

from intone_lab.corpora import survey
from intone_lab.readable import part_readable


@pytest.fixture
def clips(tmp_path):
    for number in (1, 2, 3):
        soundfile.write(tmp_path / f"DC_a0{number}.wav", np.full(8_000, 0.1), 16_000)
    (tmp_path / "DC_a02.wav").write_bytes(b"broken")
    return survey(tmp_path).clips


class Tracked:
    """Counts what had to be decoded."""

    def __init__(self):
        self.totals = []

    def __call__(self, results, total):
        self.totals.append(total)
        return results


def test_the_broken_are_parted_from_the_good_each_time_and_the_good_are_read_once(clips, tmp_path):
    remembered, track = tmp_path / "runs" / "readable.json", Tracked()
    for _ in range(2):
        good, findings = part_readable(clips, remembered, track)
        assert [clip.name for clip in good] == ["DC_a01", "DC_a03"]
        assert "DC_a02.wav cannot be read" in findings[0].detail
    assert track.totals == [3, 1]


def test_nothing_need_be_remembered(clips):
    good, findings = part_readable(clips)
    assert ([clip.name for clip in good], len(findings)) == (["DC_a01", "DC_a03"], 1)


def test_a_file_that_changed_is_read_again(clips, tmp_path):
    remembered, track = tmp_path / "readable.json", Tracked()
    part_readable(clips, remembered, track)
    clips[0].path.write_bytes(b"now broken, too")
    soundfile.write(clips[1].path, np.full(8_000, 0.1), 16_000)
    clips[2].path.unlink()
    good, findings = part_readable(clips, remembered, track)
    assert [clip.name for clip in good] == ["DC_a02"]
    assert len(findings) == 2
    assert track.totals == [3, 3]


@pytest.mark.parametrize("content", ["", "[]", "{not json", '{"x": 3}'])
def test_a_memory_that_is_no_use_is_made_anew(clips, tmp_path, content):
    remembered = tmp_path / "readable.json"
    remembered.write_text(content, encoding="utf-8")
    assert len(part_readable(clips, remembered)[0]) == 2
    track = Tracked()
    part_readable(clips, remembered, track)
    assert track.totals == [1]


def test_the_same_file_with_another_time_is_read_again(clips, tmp_path):
    remembered, track = tmp_path / "readable.json", Tracked()
    part_readable(clips, remembered)
    os.utime(clips[0].path, ns=(1, 1))
    part_readable(clips, remembered, track)
    assert track.totals == [2]
