"""The voice detector: webrtcvad's own decisions, in the mode that was asked for."""

import numpy as np
import pytest
import soundfile
import webrtcvad
from sounds import pink_noise

from intone.core.decode import to_int16
from intone.core.vad import webrtc
from intone.settings import EndpointerSettings


@pytest.fixture(scope="module")
def frames(male_wav):
    speech = soundfile.read(male_wav, dtype="float32")[0]
    noisy = speech + pink_noise(-38)[: len(speech)]
    return to_int16(noisy[: len(noisy) // 320 * 320]).reshape(-1, 320)


def decisions(frames, mode, pieces=1):
    detector = webrtc(EndpointerSettings(vad_mode=mode))
    return [bool(one) for some in np.array_split(frames, pieces) for one in detector.detect(some)]


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_it_is_webrtcvad_in_that_mode_however_many_frames_come_at_once(frames, mode):
    theirs = webrtcvad.Vad(mode)
    expected = [theirs.is_speech(frame.tobytes(), 16_000) for frame in frames]
    assert decisions(frames, mode) == decisions(frames, mode, 7) == expected


def test_modes_differ_on_this_sound(frames):
    assert len({tuple(decisions(frames, mode)) for mode in range(4)}) == 4
