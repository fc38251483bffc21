"""The server's own counters, from its ``/metrics``; nothing else reads Prometheus' format."""

from __future__ import annotations

import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from intone_bench.dialling import Address

_TIMEOUT_S = 30.0
_BATCH = "intone_inference_batch_size"


@dataclass(frozen=True, slots=True)
class Batches:
    """How many utterances went to the model at once."""

    calls: int = 0
    mean: float = 0.0
    share_up_to: Mapping[str, float] = field(default_factory=dict)
    """Share of calls with at most so many utterances; the counters' own limits."""


@dataclass(frozen=True, slots=True)
class Counters:
    """All samples, summed over labels but for a histogram's limits."""

    values: Mapping[str, float]

    def since(self, before: Counters) -> Counters:
        """Return what was counted since ``before``."""
        return Counters({name: value - before[name] for name, value in self.values.items()})

    def __getitem__(self, name: str) -> float:
        return self.values.get(name, 0.0)

    @property
    def batches(self) -> Batches:
        """The model calls."""
        calls = self[f"{_BATCH}_count"]
        if not calls:
            return Batches()
        start = f"{_BATCH}_bucket "
        shares = {
            name.removeprefix(start): round(value / calls, 4)
            for name, value in self.values.items()
            if name.startswith(start)
        }
        return Batches(int(calls), self[f"{_BATCH}_sum"] / calls, shares)


def scrape(address: Address) -> Counters:
    """Read the counters. Raises :class:`OSError`."""
    headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
    request = urllib.request.Request(f"{address.http_url}/metrics", headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        return parse(answer.read().decode())


def parse(text: str) -> Counters:
    """Read Prometheus' text format."""
    values: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            limit = sample.labels.get("le")
            name = sample.name if limit is None else f"{sample.name} {limit}"
            values[name] += sample.value
    return Counters(dict(values))
