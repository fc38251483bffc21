"""Sounds that are not speech, for the tests of what must stay without a result; broken files."""

import io

import numpy as np
import soundfile

RATE_HZ = 16_000


def white_noise(level_dbfs: float, seconds: float = 10.0, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ))
    return np.clip(10 ** (level_dbfs / 20) * noise, -1, 1).astype("f4")


def pink_noise(level_dbfs: float, seconds: float = 10.0, seed: int = 0) -> np.ndarray:
    spectrum = np.fft.rfft(white_noise(-20, seconds, seed))
    spectrum /= np.maximum(1, np.sqrt(np.arange(len(spectrum))))
    noise = np.fft.irfft(spectrum)
    return (10 ** (level_dbfs / 20) * noise / np.sqrt(np.mean(noise**2))).astype("f4")


def key_clicks(
    per_second: float, peak_dbfs: float, seconds: float = 10.0, seed: int = 0
) -> np.ndarray:
    """Presses and releases of keys: bursts of noise on a decaying resonance, 10 to 80 ms."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(int(seconds * RATE_HZ))
    now = 0.2
    while now < seconds - 0.5:
        for offset in (0.0, rng.uniform(0.05, 0.12)):
            decay = int(rng.uniform(0.003, 0.02) * RATE_HZ)
            envelope = np.exp(-np.arange(4 * decay) / decay * 2)
            ring = np.sin(2 * np.pi * rng.uniform(150, 3_500) / RATE_HZ * np.arange(4 * decay))
            click = (0.5 * rng.standard_normal(4 * decay) + ring) * envelope
            start = int((now + offset) * RATE_HZ)
            sound[start : start + 4 * decay] += click * rng.uniform(0.3, 1.0)
        now += rng.exponential(1 / per_second)
    sound *= 10 ** (peak_dbfs / 20) / np.abs(sound).max()
    return np.clip(sound + white_noise(-65, seconds, seed), -1, 1).astype("f4")


def pulses(pitch_hz: float, seconds: float, level_dbfs: float = -20.0) -> np.ndarray:
    """A buzz with the harmonics of a voice."""
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * pitch_hz * k * time) / k for k in range(1, 12))
    return (10 ** (level_dbfs / 20) * wave / np.sqrt(np.mean(wave**2))).astype("f4")


def damaged_mp3(samples: np.ndarray, rate_hz: int = RATE_HZ) -> bytes:
    """An MP3 with a hole in its middle, of which mpg123 tells on standard error."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="MP3")
    content = bytearray(file.getvalue())
    middle = len(content) // 2
    content[middle : middle + 500] = bytes(500)
    return bytes(content)
