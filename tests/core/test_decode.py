import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intone.core.decode import Decoder, to_int16
from intone.types import AudioFormat, Encoding

EVERY_CODE = bytes(range(256))


@pytest.mark.parametrize(
    ("encoding", "code", "linear"),
    [
        # Ends of the tables of ITU-T G.711, at 16 bits.
        (Encoding.MULAW, 0x00, -32_124),
        (Encoding.MULAW, 0x80, 32_124),
        (Encoding.MULAW, 0xFF, 0),
        (Encoding.MULAW, 0xFE, 8),
        (Encoding.ALAW, 0xD5, 8),
        (Encoding.ALAW, 0x55, -8),
        (Encoding.ALAW, 0xAA, 32_256),
        (Encoding.ALAW, 0x2A, -32_256),
    ],
)
def test_g711_table_ends(encoding, code, linear):
    decoded = Decoder(AudioFormat(encoding)).decode(bytes([code]))
    assert to_int16(decoded).item() == linear


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop left Python in 3.13")
@pytest.mark.filterwarnings("ignore:'audioop' is deprecated:DeprecationWarning")
def test_g711_equals_audioop_on_every_code():
    import audioop

    expected = {
        Encoding.MULAW: audioop.ulaw2lin(EVERY_CODE, 2),
        Encoding.ALAW: audioop.alaw2lin(EVERY_CODE, 2),
    }
    for encoding, linear in expected.items():
        decoded = Decoder(AudioFormat(encoding)).decode(EVERY_CODE)
        assert to_int16(decoded).tobytes() == linear


def test_s16le_survives_the_round_trip():
    samples = np.array([-32_768, -1, 0, 1, 32_767], "<i2")
    decoded = Decoder(AudioFormat()).decode(samples.tobytes())
    assert decoded.shape == (5, 1)
    assert decoded[0, 0] == -1.0
    np.testing.assert_array_equal(to_int16(decoded)[:, 0], samples)


def test_f32le_is_clipped_and_rid_of_nan():
    samples = np.array([np.nan, 2.0, -np.inf, 0.25], "<f4")
    decoded = Decoder(AudioFormat(Encoding.F32LE)).decode(samples.tobytes())
    np.testing.assert_array_equal(decoded[:, 0], np.array([0.0, 1.0, -1.0, 0.25], "f4"))


def test_channels_are_interleaved():
    samples = np.array([1, 2, 3, 4], "<i2")
    decoded = Decoder(AudioFormat(channels=2)).decode(samples.tobytes())
    np.testing.assert_array_equal(to_int16(decoded), [[1, 2], [3, 4]])


@given(
    encoding=st.sampled_from(Encoding),
    channels=st.sampled_from([1, 2]),
    data=st.binary(max_size=200),
    cuts=st.lists(st.integers(0, 200)),
)
def test_any_split_gives_the_same_samples(encoding, channels, data, cuts):
    audio = AudioFormat(encoding, channels=channels)
    whole = Decoder(audio).decode(data)
    decoder = Decoder(audio)
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [decoder.decode(data[a:b]) for a, b in pairwise(bounds)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert whole.shape == (len(data) // audio.bytes_per_tick, channels)
