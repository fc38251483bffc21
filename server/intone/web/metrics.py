"""What is counted for Prometheus, in a registry of the application's own.

Of several workers each counts into files of a folder that they share
(:mod:`intone.web.shared_metrics`), and whichever is asked tells the sum.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from intone import __version__
from intone.core.card import Card
from intone.errors import IntoneError
from intone.types import (
    Event,
    UtteranceDiscarded,
    UtteranceResult,
)
from intone.web.shared_metrics import FOLDER_VARIABLE, LOCK_FILE

try:
    import fcntl
except ImportError:  # Windows, where there are no workers
    fcntl = None  # type: ignore[assignment]

_FAST_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_LENGTH_S = (0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_COUNTED = ("counter", "histogram")
"""Kinds of files whose values add up: the rest are gauges."""
_ENDED = "ended"
"""In place of a process's number, of the file of all those that ended."""
_MOST_BESIDE_KEYS = 64
"""Bytes of a file of prometheus_client's for each value, besides its name."""

log = logging.getLogger(__name__)

_Merge = Literal["livemax", "livesum"]
"""What several workers' values of a gauge are together; a dead worker's does not count."""


class Metrics:
    """Names follow Prometheus' rules: base units, ``_total``, no label without a bound."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._is_shared = FOLDER_VARIABLE in os.environ
        self._lags: list[tuple[Gauge, Callable[[], float]]] = []
        build = self._gauge("livemax", "build_info", "Always 1.", "version")
        build.labels(__version__).set(1)
        self._models = self._gauge("livemax", "model_info", "Models served.", "model", "sha256")
        self.connections_active = self._gauge(
            "livesum", "connections_active", "Open sessions.", "protocol"
        )
        self.connections = self._counter("connections", "Sessions opened.", "protocol")
        self.connections_rejected = self._counter(
            "connections_rejected", "Sessions and requests refused, by error code.", "reason"
        )
        self.audio_received = self._counter("audio_received_seconds", "Audio taken.", "protocol")
        self.clients_slowed = self._counter(
            "clients_slowed", "Pauses in reading a client that sends too many messages."
        )
        self.errors = self._counter("errors", "Errors told to clients.", "code")
        self._define_answers()
        self._define_engine()

    def _define_answers(self) -> None:
        self.utterances = self._counter("utterances", "Utterances ended, by why.", "end_reason")
        self.predictions = self._counter("predictions", "Results, by label.", "task", "label")
        self.utterance_duration = self._histogram(
            "utterance_duration_seconds", "Utterances that gave a result.", _LENGTH_S
        )
        self.result_latency = self._histogram(
            "result_latency_seconds", "Last audio of an utterance to its result.", _FAST_S
        )
        self.interims_dropped = self._counter(
            "interims_dropped", "Interims not sent because the engine was behind."
        )

    def _define_engine(self) -> None:
        self._stream_lag = self._gauge(
            "livemax",
            "stream_lag_seconds",
            "How long the oldest waiting audio has waited.",
            "model",
        )
        self._inference = self._histogram(
            "inference_duration_seconds", "Time of a model call.", _FAST_S, "model"
        )
        self._batch_size = self._histogram(
            "inference_batch_size", "Utterances in a model call.", _BATCH, "model"
        )
        self._queue_wait = self._histogram(
            "queue_wait_seconds", "Time a block waited for its model call.", _FAST_S, "model"
        )

    def _gauge(self, merge: _Merge, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(
            f"intone_{name}", about, labels, registry=self.registry, multiprocess_mode=merge
        )

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"intone_{name}", about, labels, registry=self.registry)

    def _histogram(
        self, name: str, about: str, buckets: Sequence[float], *labels: str
    ) -> Histogram:
        return Histogram(f"intone_{name}", about, labels, buckets=buckets, registry=self.registry)

    def for_model(self, card: Card) -> ModelMetrics:
        """Return the observer of the model's engine."""
        self._models.labels(card.name, card.sha256).set(1)
        return ModelMetrics(
            self._batch_size.labels(card.name),
            self._inference.labels(card.name),
            self._queue_wait.labels(card.name),
        )

    def watch_lag(self, model: str, backlog_s: Callable[[], float]) -> None:
        """Tell ``backlog_s()`` as the lag of ``model`` from now on."""
        gauge = self._stream_lag.labels(model)
        if self._is_shared:
            self._lags.append((gauge, backlog_s))
        else:
            gauge.set_function(backlog_s)

    def refresh(self) -> None:
        """Write down what other workers cannot ask this one for when they are scraped."""
        for gauge, backlog_s in self._lags:
            gauge.set(backlog_s())

    def event(self, event: Event) -> None:
        """Count what a session was told."""
        if isinstance(event, UtteranceResult):
            self.utterances.labels(event.reason.value).inc()
            self.utterance_duration.observe((event.end_ms - event.start_ms) / 1_000)
            self.predictions.labels("emotion", event.emotion.label).inc()
            self.predictions.labels("gender", event.gender.label).inc()
        elif isinstance(event, UtteranceDiscarded):
            self.utterances.labels(event.reason.value).inc()

    def error(self, error: IntoneError) -> None:
        """Count an error that a client was told."""
        self.errors.labels(error.code).inc()

    def render(self) -> bytes:
        """Return all of it, and of the other workers, in Prometheus' text format."""
        if not self._is_shared:
            return generate_latest(self.registry)
        self.refresh()
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        with _files_locked(fcntl.LOCK_SH):
            return generate_latest(together)


def forget_worker(pid: int) -> None:
    """Take a dead worker's gauges out, and add what it has counted to what others had.

    A file for each would fill the folder in time, and every scrape reads them all.
    """
    mark_process_dead(pid)  # type: ignore[no-untyped-call]
    try:
        # The parent waits for nobody.
        with _files_locked(fcntl.LOCK_EX | fcntl.LOCK_NB) as folder:
            for kind in _COUNTED:
                file = folder / f"{kind}_{pid}.db"
                if file.exists():
                    _add(file, folder / f"{kind}_{_ENDED}.db")
    except (OSError, RuntimeError, ValueError, struct.error) as error:
        # Just being read, no room, or its end left an entry half written: they stay as they are.
        log.warning("the counts of worker %d are kept apart: %s", pid, error)


@contextmanager
def _files_locked(how: int) -> Iterator[Path]:
    """Nothing is read while files are put together: it would be counted twice, or not at all."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    with (folder / LOCK_FILE).open("ab") as lock:
        fcntl.flock(lock, how)
        yield folder


def _add(file: Path, sums: Path) -> None:
    """Add the values of ``file`` to those of ``sums``, and remove it."""
    values: dict[str, float] = {}
    for one in (sums, file):
        if one.exists():
            entries = MmapedDict.read_all_values_from_file(str(one))  # type: ignore[no-untyped-call]
            for key, value, *_ in entries:
                values[key] = values.get(key, 0.0) + value
    partial = sums.with_suffix(".partial")
    size = _MOST_BESIDE_KEYS * (len(values) + 1) + sum(len(key.encode()) for key in values)
    try:
        # Writing to mapped memory for which there is no room would kill this process.
        partial.write_bytes(bytes(size))
        written = MmapedDict(str(partial))  # type: ignore[no-untyped-call]
        for key, value in values.items():
            written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
        written.close()  # type: ignore[no-untyped-call]
        partial.replace(sums)
    finally:
        partial.unlink(missing_ok=True)
    file.unlink()


class ModelMetrics:
    """An :class:`intone.engine.engine.EngineObserver`."""

    def __init__(self, batch_size: Histogram, inference: Histogram, wait: Histogram) -> None:
        self._batch_size = batch_size
        self._inference = inference
        self._wait = wait

    def batch_done(self, waits_s: Sequence[float], inference_s: float) -> None:
        """See :class:`intone.engine.engine.EngineObserver`."""
        self._batch_size.observe(len(waits_s))
        self._inference.observe(inference_s)
        for wait_s in waits_s:
            self._wait.observe(wait_s)
