import numpy as np

from intone.core.decode import Decoder
from intone_lab.telephone import TELEPHONE, to_mulaw


def decoded(codes: np.ndarray) -> np.ndarray:
    return Decoder(TELEPHONE).decode(codes.tobytes())[:, 0] * 32_768


def test_mulaw_codes_are_the_standards():
    # ITU-T G.711, table 2a: the ends of the range, silence, and the first steps from it.
    values = np.array([0, -32_768, 32_767, 8, -8, 1_000, -1_000], np.int16)
    assert to_mulaw(values).tolist() == [0xFF, 0x00, 0x80, 0xFE, 0x7E, 0xCE, 0x4E]


def test_every_mulaw_code_comes_back():
    codes = np.arange(256, dtype=np.uint8)
    linear = Decoder(TELEPHONE).decode(codes.tobytes())[:, 0] * 32_768
    again = to_mulaw(linear.astype(np.int16))
    # 0x7F is minus zero, which is zero.
    assert (again == np.where(codes == 0x7F, 0xFF, codes)).all()


def test_intervals_end_where_the_standard_decides():
    # Table 2a's decision values, on its scale of 14 bits: where segments meet, not half way.
    for decision in (31, 95, 223, 479, 991, 2_015, 4_063):
        below, above = decoded(to_mulaw(np.array([4 * decision - 1, 4 * decision], np.int16)))
        assert below < 4 * decision < above


def test_no_sample_is_further_off_than_its_interval_is_wide():
    samples = np.arange(-32_768, 32_768).astype(np.int16)
    coded = decoded(to_mulaw(samples))
    assert (np.diff(coded) >= 0).all()
    off = np.abs(coded - samples)
    # A step is a sixteenth of its segment, which is as wide as it is far from zero.
    assert (off <= np.maximum(np.abs(samples.astype(np.int32)) / 32 + 4.5, 644)[...]).all()
