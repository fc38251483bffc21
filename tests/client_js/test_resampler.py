"""The worklet's resampler beside soxr, which the server itself resamples with."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import soxr

WIRE_RATE_HZ = 16_000
CONVERT = """
import { readFileSync, writeFileSync } from "node:fs";
const { Resampler } = await import(process.argv[1]);
const input = new Float32Array(new Uint8Array(readFileSync(0)).buffer);
const resampler = new Resampler(Number(process.argv[2]), 16_000);
const parts = [];
for (let at = 0; at < input.length; at += 128) {
  parts.push(...resampler.process(input.subarray(at, at + 128)));
}
parts.push(...resampler.flush());
writeFileSync(1, new Uint8Array(Float32Array.from(parts).buffer));
"""


@pytest.fixture
def convert(repo_root):
    """Convert as the audio thread does: in blocks of 128 samples."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    module = (repo_root / "client_js" / "worklet.js").as_uri()

    def run(samples: np.ndarray, rate_hz: int) -> np.ndarray:
        done = subprocess.run(
            [node, "--input-type=module", "-e", CONVERT, module, str(rate_hz)],
            input=samples.astype(np.float32).tobytes(),
            capture_output=True,
            check=True,
        )
        return np.frombuffer(done.stdout, np.float32)

    return run


def level_db(samples: np.ndarray) -> float:
    """RMS against a full sine's, away from the ends."""
    return float(10 * np.log10(2 * np.mean(np.square(samples[2_000:-2_000], dtype=np.float64))))


def tone(frequency_hz: float, rate_hz: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(rate_hz) / rate_hz)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
def test_speech_is_kept_and_what_would_fold_into_it_is_not(convert, rate_hz):
    for frequency_hz in (100, 1_000, 7_000):
        ours = convert(tone(frequency_hz, rate_hz), rate_hz)
        soxrs = soxr.resample(tone(frequency_hz, rate_hz), rate_hz, WIRE_RATE_HZ, quality="HQ")
        assert abs(level_db(ours)) < 1.0
        assert abs(level_db(ours) - level_db(soxrs)) < 0.1
    assert level_db(convert(tone(9_000, rate_hz), rate_hz)) < -40


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
def test_it_gives_what_soxr_gives(convert, rate_hz):
    """Noise up to 7 kHz, where both filters pass everything: sample by sample, in phase."""
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(size=rate_hz))
    spectrum[np.fft.rfftfreq(rate_hz, 1 / rate_hz) > 7_000] = 0
    noise = np.fft.irfft(spectrum, rate_hz)
    noise = (0.5 * noise / np.abs(noise).max()).astype(np.float32)
    ours = convert(noise, rate_hz)
    soxrs = soxr.resample(noise, rate_hz, WIRE_RATE_HZ, quality="HQ")
    assert len(ours) == len(soxrs)
    difference = ours[500:-500] - soxrs[500:-500]
    assert np.sqrt(np.mean(difference**2)) < 1e-3 * np.sqrt(np.mean(soxrs**2))
