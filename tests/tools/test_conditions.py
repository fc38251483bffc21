import dataclasses

import numpy as np
import pytest

from intone.core.decode import Decoder, to_int16
from intone_lab.conditions import (
    CLEAN,
    CONDITIONS,
    Noise,
    active_power,
    send,
)

RATE_HZ = 16_000


def tone(hz: float, seconds: float, amplitude: float = 0.1) -> np.ndarray:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype("f4")


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE_HZ), "f4")


def received(data: bytes, condition) -> np.ndarray:
    return Decoder(condition.audio).decode(data)[:, 0]


SPEECH = np.concatenate([silence(0.5), tone(200, 1.0), silence(0.4), tone(300, 0.6), silence(0.5)])
VOICES = [tone(hz, 0.7, amplitude=0.02 * n) for n, hz in enumerate((150, 270, 430, 90, 610), 1)]


def test_clean_speech_is_sent_as_it_is():
    data = send(SPEECH, CLEAN)
    assert data == to_int16(SPEECH).tobytes()


def test_the_level_of_speech_does_not_depend_on_the_silence_around_it():
    alone = active_power(tone(200, 1.0))
    assert alone == pytest.approx(0.1**2 / 2, rel=1e-3)
    assert active_power(SPEECH) == pytest.approx(alone, rel=0.02)


@pytest.mark.parametrize("name", [name for name, c in CONDITIONS.items() if c.noise is not None])
def test_the_noise_is_as_far_under_the_speech_as_the_condition_says(name):
    condition = CONDITIONS[name]
    noise = received(send(SPEECH, condition, VOICES, "a"), condition) - SPEECH
    snr_db = 10 * np.log10(active_power(SPEECH) / np.square(noise, dtype="f8").mean())
    assert snr_db == pytest.approx(condition.snr_db, abs=0.1)


def test_a_sum_that_would_clip_is_turned_down_and_keeps_its_ratio():
    loud = tone(200, 1.0, amplitude=0.99)
    condition = CONDITIONS["white 5 dB"]
    heard = received(send(loud, condition), condition)
    assert 0.99 < np.abs(heard).max() <= 1.0
    # The tone's own share, by projection; the rest is noise.
    gain = heard @ loud / (loud @ loud)
    noise = heard - gain * loud
    snr_db = 10 * np.log10(np.mean((gain * loud) ** 2) / np.mean(noise**2))
    assert gain < 0.9
    assert snr_db == pytest.approx(5.0, abs=0.3)


@pytest.mark.parametrize("kind", list(Noise))
def test_noise_is_decided_by_seed_and_clip(kind):
    condition = CONDITIONS[f"{kind.value} 10 dB"]
    first = send(SPEECH, condition, VOICES, "a", 1)
    assert first == send(SPEECH, condition, VOICES, "a", 1)
    assert first != send(SPEECH, condition, VOICES, "b", 1)
    assert first != send(SPEECH, condition, VOICES, "a", 2)


def test_a_clip_s_noise_is_the_same_at_every_level():
    at20, at10 = (
        received(send(SPEECH, CONDITIONS[f"white {db} dB"]), CLEAN) - SPEECH for db in (20, 10)
    )
    assert np.corrcoef(at20, at10)[0, 1] == pytest.approx(1.0, abs=1e-3)


def test_babble_is_made_of_the_voices_and_of_nothing_else():
    condition = CONDITIONS["babble 5 dB"]
    noise = received(send(SPEECH, condition, VOICES, "a"), condition) - SPEECH
    spectrum = np.abs(np.fft.rfft(noise * np.hanning(len(noise)))) ** 2
    hz = np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    near = np.zeros(len(hz), bool)
    for voice_hz in (150, 270, 430, 90, 610):
        near |= np.abs(hz - voice_hz) < 20
        # Equally loud, though the recordings are not.
        assert spectrum[np.abs(hz - voice_hz) < 20].sum() / spectrum.sum() > 0.1
    assert spectrum[near].sum() / spectrum.sum() > 0.95


def test_babble_without_voices_is_refused():
    with pytest.raises(ValueError, match="other voices"):
        send(SPEECH, CONDITIONS["babble 10 dB"])


def test_silence_and_nothing_can_be_sent_under_every_condition():
    for condition in CONDITIONS.values():
        for samples in (silence(0.3), silence(0.0)):
            heard = received(send(samples, condition, VOICES), condition)
            assert np.all(np.isfinite(heard))


# --- telephone --------------------------------------------------------------------------


def test_telephone_speech_is_half_the_rate_and_loses_what_is_over_4_khz():
    condition = CONDITIONS["telephone"]
    low, high = (send(tone(hz, 1.0), condition) for hz in (1_000, 6_000))
    assert len(low) == 8_000
    assert np.square(received(low, condition)).mean() == pytest.approx(0.005, rel=0.02)
    assert np.square(received(high, condition)).mean() < 1e-7


def test_quieter_is_a_lower_level_and_nothing_else():
    quieter = received(send(SPEECH, CONDITIONS["10 dB quieter"]), CLEAN)
    np.testing.assert_allclose(quieter, SPEECH * 10**-0.5, atol=1 / 32_768)


def test_every_condition_has_its_own_name():
    assert len({dataclasses.replace(c, name="") for c in CONDITIONS.values()}) == len(CONDITIONS)
