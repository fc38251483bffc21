import numpy as np
import pytest
from lab_clips import make_clips

from intone.core.decode import Decoder
from intone_lab.copies import AS_IT_IS, COPIES, PLAIN_AUDIO, Copy, send, worth_hearing

RATE_HZ = 16_000


def tone(hz: float, seconds: float = 1.0, level: float = 0.5) -> np.ndarray:
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * hz * t)).astype("f4")


def decoded(sent) -> np.ndarray:
    return Decoder(sent.audio).decode(sent.data)[:, 0]


def send_as(name: str, samples, background=None, key: str = "clip") -> np.ndarray:
    copy = next(copy for copy in COPIES if copy.name == name)
    background = tone(300) if background is None else background
    return decoded(send(samples, copy, background, key))


def level_db(samples) -> float:
    return 10 * np.log10(np.mean(np.square(samples)))


def test_the_clip_itself_is_not_altered():
    sent = send(tone(440), AS_IT_IS, tone(300), "clip")
    assert sent.audio == PLAIN_AUDIO
    np.testing.assert_allclose(decoded(sent), tone(440), atol=1 / 32_768)


@pytest.mark.parametrize(("name", "seconds"), [("slow", 1 / 0.9), ("fast", 1 / 1.1)])
def test_speed_changes_length(name, seconds):
    assert len(send_as(name, tone(440))) == pytest.approx(seconds * RATE_HZ, abs=2)


def test_a_telephone_passes_its_band_and_nothing_above():
    narrow = send_as("telephone", tone(1_000))
    assert len(narrow) == 8_000
    assert level_db(narrow) == pytest.approx(level_db(tone(1_000)), abs=0.5)
    assert level_db(send_as("telephone", tone(6_000))) < level_db(tone(6_000)) - 40


def test_a_room_is_the_same_for_the_same_clip_and_keeps_the_level():
    pytest.importorskip("audiomentations")
    rng = np.random.default_rng(1)
    speech = 0.1 * rng.standard_normal(RATE_HZ).astype("f4")
    first, again = send_as("room", speech), send_as("room", speech)
    assert (first == again).all()
    assert (first != send_as("room", speech, key="another clip")).any()
    assert level_db(first) == pytest.approx(level_db(speech), abs=1.0)


def test_a_room_holds_somebody_else():
    pytest.importorskip("audiomentations")
    rng = np.random.default_rng(1)
    speech = 0.1 * rng.standard_normal(RATE_HZ).astype("f4")
    alone = send_as("room", speech, background=np.zeros(RATE_HZ, "f4"))
    behind = send_as("room", speech, background=tone(440)) - alone
    assert -31 < level_db(behind) - level_db(speech) < -9


@pytest.mark.parametrize(
    "changes",
    [{"other_voice": True}, {"noise_snr_db": (0.0, 30.0)}, {"crowd_snr_db": (0.0, 30.0)}],
)
def test_what_is_drawn_is_decided_by_the_clip_and_the_copy_s_name(changes):
    rng = np.random.default_rng(1)
    speech = 0.1 * rng.standard_normal(RATE_HZ).astype("f4")

    def sent(name: str, clip: str) -> bytes:
        return send(speech, Copy(name, **changes), tone(300), clip, [tone(440)]).data

    assert sent("one", "a") == sent("one", "a")
    assert len({sent("one", "a"), sent("another", "a"), sent("one", "b")}) == 3


def test_another_voice_takes_another_time():
    said = send(tone(440), Copy("another", other_voice=True), tone(300), "clip")
    assert 1 / 1.26 < len(decoded(said)) / RATE_HZ < 1 / 0.79
    assert len(decoded(said)) != RATE_HZ


def test_of_a_corpus_of_two_voices_only_the_clip_as_it_is_is_worth_hearing():
    ravdess, tess = make_clips("ravdess", 1, 0)[0], make_clips("tess", 1, 0)[0]
    assert worth_hearing(ravdess, COPIES) == COPIES
    assert worth_hearing(tess, COPIES) == (AS_IT_IS,)
    assert worth_hearing(tess, COPIES[1:]) == ()
