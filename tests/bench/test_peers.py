"""The other pipelines: each really runs where it is installed, and is a row where it is not."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from intone import resources
from intone.models import load_model
from intone.session import Session
from intone.types import UtteranceResult
from intone_bench.compare import MODEL
from intone_bench.compare_table import compare_table
from intone_bench.fleet import fleet
from intone_bench.hearing import Window, hear
from intone_bench.peers.audio import cut, read_audio, write_audio
from intone_bench.peers.cost import Cost, utterance_cost
from intone_bench.peers.rows import AT_ITS_BEST, NoRow, Row, Runner
from intone_bench.serving import serving


@pytest.fixture(scope="module")
def audio(wide_track):
    return cut([wide_track], load_model(resources.models_dir() / MODEL).card.shape)


@pytest.fixture(scope="module")
def audio_file(audio, tmp_path_factory):
    path = tmp_path_factory.mktemp("peers") / "audio.npz"
    write_audio(audio, path)
    return path


def test_every_row_hears_the_utterances_that_the_server_cuts(audio, wide_track):
    session = Session()
    events = session.feed(b"".join(wide_track.messages)) + session.finish()
    results = [event for event in events if isinstance(event, UtteranceResult)]
    assert audio.utterance_s == pytest.approx(
        sum(event.end_ms - event.start_ms for event in results) / 1_000, abs=0.001 * len(results)
    )
    assert audio.track_s == pytest.approx(wide_track.duration_s)
    assert [len(part) for part in audio.utterances] == sorted(map(len, audio.utterances))


def test_the_audio_is_the_same_after_a_file(audio, audio_file):
    again = read_audio(audio_file)
    for first, second in zip(
        (*audio.tracks, *audio.utterances), (*again.tracks, *again.utterances), strict=True
    ):
        assert first.dtype == second.dtype
        assert np.array_equal(first, second)


def test_a_sample_of_the_utterances_has_the_shortest_and_the_longest(audio):
    picked = audio.spread(2)
    assert picked[0] is audio.utterances[0]
    assert picked[-1] is audio.utterances[-1]
    assert len(audio.spread(1_000)) == len(audio.utterances)


def test_only_speech_is_charged_to_what_hears_utterances(audio):
    def busy(utterance: np.ndarray) -> float:
        return float(np.linalg.norm(np.outer(utterance[:600], utterance[:600])))

    cost = utterance_cost(busy, audio, 5, "")
    assert cost.cpu_ms_per_audio_s > 0
    assert "ms an utterance of" in cost.note


@pytest.mark.parametrize(
    ("module", "package"), [("opensmile_svm", "opensmile"), ("transformer", "torch")]
)
def test_a_peer_costs_something_or_says_that_it_is_not_installed(
    audio_file, tmp_path, module, package
):
    runner = Runner(None, tmp_path)
    if find_spec(package) is None:
        with pytest.raises(NoRow, match=f"^{package} is not installed$"):
            runner.cost(module, audio_file)
    else:
        assert runner.cost(module, audio_file).cpu_ms_per_audio_s > 0.1


def test_the_published_pipeline_answers_every_utterance(wide_track):
    if find_spec("tensorflow") is None or find_spec("librosa") is None:
        pytest.skip("the bench's peers are not installed")
    arguments = ["-W", "ignore", "-m", "intone_bench.peers.published", "function"]
    with (
        serving(None, arguments, AT_ITS_BEST) as server,
        fleet(server.address, (wide_track,), [0, 0], stagger_s=1.0, cores=None) as open_fleet,
    ):
        open_fleet.start(8.0)
        run = open_fleet.result(60.0)
    told = hear(run.logs, [wide_track], Window(0.0, float("inf")), 0, 8.0)
    assert told.faults == told.errors == {}
    assert told.results == told.utterances
    # The same endpointer; the last utterance may be cut off by the end.
    assert told.results >= 2 * (len(wide_track.clip_ends) - 1)


def test_an_interpreter_that_is_not_there_is_a_row_that_says_so(tmp_path, audio_file):
    runner = Runner(None, tmp_path, Path("no-such-python"))
    with pytest.raises(NoRow, match="No such file"):
        runner.cost("floor", audio_file)


def test_a_pipeline_that_fails_is_a_row_with_its_last_word(tmp_path):
    with pytest.raises(NoRow, match="FileNotFoundError"):
        Runner(None, tmp_path).cost("floor", tmp_path / "none.npz", tmp_path)


def test_the_table_puts_every_row_in_proportion_to_intones():
    rows = [
        Row("intone, 16 kHz", Cost(1.5, "200 live sessions")),
        Row("bare floor", Cost(1.0, "", {"voice activity": 0.1, "model": 0.9})),
        Row("published", Cost(30.0)),
        Row("openSMILE", None, "opensmile is not installed"),
    ]
    console = Console(width=140)
    with console.capture() as capture:
        console.print(compare_table(rows))
    lines = {line.split("│")[1].strip(): line for line in capture.get().splitlines() if "│" in line}
    assert "0.67" in lines["bare floor"]
    assert "voice activity 0.1 ms" in lines["bare floor"]
    assert "20.0 times as many" in lines["published"]
    assert "opensmile is not installed" in lines["openSMILE"]
