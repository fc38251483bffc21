"""Speech, tracks and reports for the tests of the bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from intone_bench.load_report import LoadReport, Told
from intone_bench.quantiles import Quantiles
from intone_bench.scrape import Batches
from intone_bench.server_cost import ServerCost
from intone_bench.speech import Clips, from_folder
from intone_bench.tracks import Format, Track, make_tracks


@pytest.fixture(scope="session")
def clips(data_dir) -> Clips:
    return from_folder(data_dir, 10, 0)


@pytest.fixture(scope="session")
def wide_track(clips) -> Track:
    return _track(clips, Format.WIDE)


@pytest.fixture(scope="session")
def phone_track(clips) -> Track:
    return _track(clips, Format.PHONE)


def _track(clips: Clips, kind: Format) -> Track:
    (track,) = make_tracks(clips, kind, count=1, duration_s=25.0, speech_share=0.5, seed=7)
    return track


@pytest.fixture
def make_report() -> Callable[..., LoadReport]:
    """A report of a good run of 100 sessions, with whatever fields are given."""
    told = Told(200, 200, 900, {}, 0, {}, {}, 0, 0.55)
    good = LoadReport(
        sessions=100,
        asked_sessions=100,
        refusals={},
        format="s16le-16k",
        speed=1.0,
        window_s=20.0,
        model="gru",
        told=told,
        result=Quantiles(200, 2.0, 5.0, 9.0, 12.0),
        result_percentiles_ms=tuple(index / 10 for index in range(101)),
        hangover=Quantiles(200, 460.0, 480.0, 480.0, 480.0),
        total=Quantiles(200, 462.0, 485.0, 489.0, 492.0),
        server_latency=Quantiles(200, 1.0, 3.0, 6.0, 8.0),
        interim=Quantiles(900, 2.0, 5.0, 9.0, 12.0),
        generator_late=Quantiles(20_000, 0.1, 0.2, 0.5, 1.0),
        generator_core_share=0.05,
        cores="server on core 0, generator on core 1",
        interims_dropped=0,
        server=ServerCost(1.5, 0.15, 112.0, 20.0, 120.0, 1, 7),
        batches=Batches(1_000, 4.0, {"1.0": 0.2, "+Inf": 1.0}),
        match=None,
    )

    def make(*, told: dict[str, object] | None = None, **fields: object) -> LoadReport:
        return replace(good, told=replace(good.told, **(told or {})), **fields)

    return make
