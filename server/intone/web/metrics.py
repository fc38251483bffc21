"""What is counted for Prometheus, in a registry of the application's own."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from intone import __version__
from intone.core.card import Card
from intone.errors import IntoneError
from intone.types import (
    Event,
    UtteranceDiscarded,
    UtteranceResult,
)

_FAST_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_LENGTH_S = (0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Names follow Prometheus' rules: base units, ``_total``, no label without a bound."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.connections_active = Gauge(
            "intone_connections_active", "Open sessions.", ["protocol"], registry=registry
        )
        self.connections = Counter(
            "intone_connections", "Sessions opened.", ["protocol"], registry=registry
        )
        self.connections_rejected = Counter(
            "intone_connections_rejected",
            "Sessions and uploads refused before they began, by error code.",
            ["reason"],
            registry=registry,
        )
        self.audio_received = Counter(
            "intone_audio_received_seconds", "Audio taken.", ["protocol"], registry=registry
        )
        self.utterances = Counter(
            "intone_utterances", "Utterances ended, by why.", ["end_reason"], registry=registry
        )
        self.utterance_duration = Histogram(
            "intone_utterance_duration_seconds",
            "Length of utterances that gave a result.",
            buckets=_LENGTH_S,
            registry=registry,
        )
        self.predictions = Counter(
            "intone_predictions", "Results, by label.", ["task", "label"], registry=registry
        )
        self.interims_dropped = Counter(
            "intone_interims_dropped",
            "Interims not sent because the engine was behind.",
            registry=registry,
        )
        self.result_latency = Histogram(
            "intone_result_latency_seconds",
            "From the arrival of the audio that ended an utterance to the sending of its result.",
            buckets=_FAST_S,
            registry=registry,
        )
        self.stream_lag = Gauge(
            "intone_stream_lag_seconds",
            "How long the oldest waiting audio has waited for the model.",
            ["model"],
            registry=registry,
        )
        self.errors = Counter(
            "intone_errors", "Errors told to clients.", ["code"], registry=registry
        )
        self._inference = Histogram(
            "intone_inference_duration_seconds",
            "Time of a model call.",
            ["model"],
            buckets=_FAST_S,
            registry=registry,
        )
        self._batch_size = Histogram(
            "intone_inference_batch_size",
            "Utterances in a model call.",
            ["model"],
            buckets=_BATCH,
            registry=registry,
        )
        self._queue_wait = Histogram(
            "intone_queue_wait_seconds",
            "Time a block waited for its model call.",
            ["model"],
            buckets=_FAST_S,
            registry=registry,
        )
        self._models = Gauge(
            "intone_model_info", "Models served.", ["model", "sha256"], registry=registry
        )
        Gauge("intone_build_info", "Always 1.", ["version"], registry=registry).labels(
            __version__
        ).set(1)

    def for_model(self, card: Card) -> ModelMetrics:
        """Return the observer of the model's engine."""
        self._models.labels(card.name, card.sha256).set(1)
        return ModelMetrics(
            self._batch_size.labels(card.name),
            self._inference.labels(card.name),
            self._queue_wait.labels(card.name),
        )

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

    content_type = CONTENT_TYPE_LATEST

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)


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
