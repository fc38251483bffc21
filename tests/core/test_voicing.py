import numpy as np
import pytest
from sounds import key_clicks, pink_noise, pulses, white_noise

from intone.core import voicing
from intone.core.voicing import VoicingCheck, periodicity


@pytest.mark.parametrize("pitch_hz", [80, 120, 200, 320, 390])
def test_a_buzz_at_any_pitch_is_periodic(pitch_hz):
    peaks, _ = periodicity(pulses(pitch_hz, 0.5))
    assert peaks.min() > 0.7


@pytest.mark.parametrize("level_dbfs", [-60, -20])
def test_level_does_not_matter(level_dbfs):
    peaks, energy = periodicity(pulses(150, 0.5, level_dbfs))
    assert peaks.min() > 0.7
    assert 10 * np.log10(energy.mean()) == pytest.approx(level_dbfs, abs=1.5)


@pytest.mark.parametrize("sound", [white_noise(-20), pink_noise(-20), np.zeros(160_000, "f4")])
def test_noise_and_silence_are_hardly_ever_periodic(sound):
    peaks, _ = periodicity(sound)
    assert np.mean(peaks > 0.7) <= 0.02


def test_noise_that_was_there_before_the_voice_is_made_good(monkeypatch):
    # Two fifths of the whole are noise, which hides the voice.
    noise, voice = white_noise(-17, 1.0, seed=3), pulses(150, 1.0, -22)
    sound = np.concatenate([noise[:3_200], noise + voice])
    check = VoicingCheck(80)
    check.push(sound)
    assert check.is_voiced
    monkeypatch.setattr(voicing, "_MOST_NOISE", 0.0)
    check = VoicingCheck(80)
    check.push(sound)
    assert not check.is_voiced


@pytest.mark.parametrize("noise", [white_noise, pink_noise])
def test_noise_alone_is_hardly_ever_voiced(noise):
    checks = [VoicingCheck(80) for _ in range(40)]
    for seed, check in enumerate(checks):
        check.push(noise(-20, 5.0, seed))
    assert sum(check.is_voiced for check in checks) <= 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("per_second", [3, 10])
def test_clicks_are_not_voiced(per_second, seed):
    check = VoicingCheck(80)
    check.push(key_clicks(per_second, -6, seed=seed))
    assert not check.is_voiced


def test_enough_periodic_sound_in_a_row_is_voiced_and_stays_so():
    check = VoicingCheck(80)
    check.push(pulses(150, 0.3))
    assert check.is_voiced
    check.push(white_noise(-20, 1.0))
    assert check.is_voiced


def test_a_fast_and_loud_train_of_clicks_is_not_voiced_by_chance():
    # Four periodic windows in a row occur in this one, late.
    check = VoicingCheck(80)
    check.push(key_clicks(20, -3, seed=14))
    assert not check.is_voiced


def test_the_longer_in_vain_the_longer_the_run_must_be():
    after_noise, at_once = VoicingCheck(80), VoicingCheck(80)
    after_noise.push(white_noise(-30, 9.0))
    for check in (after_noise, at_once):
        check.push(pulses(150, 0.1))
    assert at_once.is_voiced
    assert not after_noise.is_voiced
    after_noise.push(pulses(150, 0.3))
    assert after_noise.is_voiced


def test_the_run_goes_on_from_piece_to_piece():
    # Each 60 ms piece holds two hops of 20 ms.
    check = VoicingCheck(80)
    sound = pulses(150, 0.12)
    check.push(sound[:960])
    assert not check.is_voiced
    check.push(sound[960:])
    assert check.is_voiced


@pytest.mark.parametrize("piece", [160, 333, 2_560])
def test_pieces_are_heard_as_one(piece):
    sound = np.concatenate([white_noise(-30, 0.4), pulses(150, 0.094)])
    for samples in (sound, sound[: 8 * (len(sound) // 9)]):
        whole, cut = VoicingCheck(80), VoicingCheck(80)
        whole.push(samples)
        for at in range(0, len(samples), piece):
            cut.push(samples[at : at + piece])
            # Asked after each piece: what is asked for once is heard at once.
            has_been = cut.is_voiced
        assert has_been == whole.is_voiced


def test_a_minimum_of_zero_turns_the_check_off():
    assert VoicingCheck(0).is_voiced


def test_too_little_for_a_window_says_nothing():
    peaks, energy = periodicity(np.zeros(100, "f4"))
    assert peaks.shape == energy.shape == (0,)
