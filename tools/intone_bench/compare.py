"""intone beside the bare floor and other pipelines: the same audio, one core, one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from intone import resources
from intone.models import load_model
from intone_bench.fleet import GeneratorFailed, fleet
from intone_bench.load import LoadPlan, run_load
from intone_bench.load_report import LoadReport
from intone_bench.peers.audio import cut, write_audio
from intone_bench.peers.cost import Cost
from intone_bench.peers.rows import AT_ITS_BEST, NoRow, Row, Runner
from intone_bench.serving import Cores, NotServing, serving
from intone_bench.tracks import Track
from intone_bench.usage import family, usage

MODEL = "gru"
"""The default model, which all rows of intone and its floor run."""

_PEER_SESSIONS = 8
"""Of the published pipeline: few enough for its slowest form to keep up with live audio."""
_SLACK_S = 120.0


@dataclass(frozen=True, slots=True)
class ComparePlan:
    """What to compare on."""

    wide: tuple[Track, ...]
    """16 kHz s16le, 100 ms: what every row hears."""
    phone: tuple[Track, ...]
    """The same speech as 8 kHz mu-law, 20 ms."""
    stagger_s: float
    sessions: int
    """Of intone under load; of telephones, which send five times as many messages, half."""
    cores: Cores
    folder: Path
    """For files that live as long as the comparison."""
    tflite_python: Path | None = None
    """An interpreter with tflite-runtime, should this one have the other."""
    only: frozenset[str] = frozenset()
    """Keys of the rows to make, besides intone's; none means all."""


@dataclass(slots=True)
class Comparison:
    """Rows in the order in which they were asked for; the first is intone's."""

    rows: list[Row] = field(default_factory=list)
    loads: list[LoadReport] = field(default_factory=list)


def compare(plan: ComparePlan, on_row: Callable[[Row], None]) -> Comparison:
    """Make all rows, telling ``on_row`` of each."""
    made = Comparison()
    for name, cost in _rows(plan, made):
        try:
            row = Row(name, cost())
        except (NoRow, NotServing, GeneratorFailed, OSError) as error:
            row = Row(name, None, str(error).strip().splitlines()[-1])
        made.rows.append(row)
        on_row(row)
    return made


_Named = tuple[str, Callable[[], Cost]]


def _rows(plan: ComparePlan, made: Comparison) -> Iterator[_Named]:
    yield "intone, 16 kHz", lambda: _intone(plan, plan.wide, plan.sessions, made)
    for key, row in _all_others(plan, made):
        if not plan.only or key in plan.only:
            yield row


def _all_others(plan: ComparePlan, made: Comparison) -> Iterator[tuple[str, _Named]]:
    model = resources.models_dir() / MODEL
    audio = plan.folder / "audio.npz"
    write_audio(cut(plan.wide, load_model(model).card.shape), audio)
    here = Runner(plan.cores.server, plan.folder)
    there = replace(here, python=plan.tflite_python) if plan.tflite_python else None
    phones = max(1, plan.sessions // 2)
    yield "phone", ("intone, 8 kHz mu-law", lambda: _intone(plan, plan.phone, phones, made))
    yield "floor", ("bare floor, int8", lambda: here.cost("floor", audio, model))
    floats = _FloatModel(here, plan.folder / MODEL)
    yield "float", ("bare floor, float32", lambda: here.cost("floor", audio, floats.folder()))
    yield (
        "runtime",
        (
            "bare floor, int8, tflite-runtime",
            lambda: _other(there).cost("floor", audio, model),
        ),
    )
    yield (
        "runtime",
        (
            "bare floor, float32, tflite-runtime",
            lambda: _other(there).cost("floor", audio, floats.folder()),
        ),
    )
    yield "published", ("published, model.predict", lambda: _published(plan, "predict"))
    yield "published", ("published, tf.function", lambda: _published(plan, "function"))
    yield "opensmile", ("openSMILE eGeMAPS + SVM", lambda: here.cost("opensmile_svm", audio))
    yield "transformer", ("wav2vec2-base's size", lambda: here.cost("transformer", audio))


KEYS = ("phone", "floor", "float", "runtime", "published", "opensmile", "transformer")
"""What may be asked for alone."""


def _other(runner: Runner | None) -> Runner:
    if runner is None:
        raise NoRow("give --tflite-python, an interpreter that has tflite-runtime")
    return runner


@dataclass(slots=True)
class _FloatModel:
    runner: Runner
    path: Path

    def folder(self) -> Path:
        """Return the float model's folder, made when it is first asked for."""
        if not self.path.is_dir():
            self.runner.run("float_model", self.path)
        return self.path


def _intone(plan: ComparePlan, tracks: Sequence[Track], sessions: int, made: Comparison) -> Cost:
    load = LoadPlan(sessions, tuple(tracks), plan.stagger_s, cores=plan.cores)
    report = run_load(replace(load, server_flags=("--model", MODEL)))
    made.loads.append(report)
    assert report.server is not None
    complaints = "; ".join(report.complaints())
    note = f"{report.sessions} live sessions, batches of {report.batches.mean:.1f}"
    return Cost(report.server.cpu_ms_per_audio_s, f"{note}; {complaints}" if complaints else note)


def _published(plan: ComparePlan, way: str) -> Cost:
    """Serve the peer, and let the same generator talk to it."""
    arguments = ["-W", "ignore", "-m", "intone_bench.peers.published", way]
    tracks = plan.wide
    track_of = [index % len(tracks) for index in range(_PEER_SESSIONS)]
    with (
        serving(plan.cores.server, arguments, AT_ITS_BEST) as server,
        fleet(
            server.address, tracks, track_of, stagger_s=plan.stagger_s, cores=plan.cores.generator
        ) as open_fleet,
    ):
        before = usage(family(server.pid))
        open_fleet.start(1.0)
        run = open_fleet.result(tracks[0].duration_s + plan.stagger_s + _SLACK_S)
        spent_s = usage(family(server.pid)).cpu_s - before.cpu_s
    faults = {log.fault for log in run.logs if log.fault}
    if faults:
        raise NoRow("; ".join(sorted(faults)))
    message_s = tracks[0].format.message_ms / 1_000
    audio_s = sum(len(log.sent_s) for log in run.logs) * message_s
    return Cost(1_000 * spent_s / audio_s, f"{_PEER_SESSIONS} live sessions, on aiohttp")
