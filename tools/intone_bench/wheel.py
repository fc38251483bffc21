"""Whose turn it is: a timer wheel of slots instead of a timer a session."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Generic, TypeVar

_T = TypeVar("_T")

_FINEST_S = 0.001
"""Slots closer than this would wake the generator for less than it costs to wake."""


@dataclass(frozen=True, slots=True)
class Wheel(Generic[_T]):
    """Every member has one turn a period; their phases are spread over it evenly."""

    slots: tuple[tuple[_T, ...], ...]
    period_s: float

    def due_s(self, tick: int) -> float:
        """When slot ``tick % len(slots)`` has its turn, in seconds after the start."""
        # Not a sum of steps, whose rounding would grow.
        return tick * self.period_s / len(self.slots)

    def at(self, tick: int) -> tuple[_T, ...]:
        """Return who has a turn then."""
        return self.slots[tick % len(self.slots)]


def make_wheel(members: Sequence[_T], period_s: float) -> Wheel[_T]:
    """Spread ``members`` over as many slots as there are members, or ms in ``period_s``."""
    count = max(1, min(len(members), int(period_s / _FINEST_S + 1e-9)))
    return Wheel(tuple(tuple(members[slot::count]) for slot in range(count)), period_s)


def first_turns(count: int, stagger_turns: int) -> list[int]:
    """Return after how many turns each of ``count`` members begins, up to ``stagger_turns``.

    Evenly, and mixed so that neighbours in a slot do not begin together.
    """
    if count == 1:
        return [0]
    # A stride that shares no factor with the count visits every place once.
    stride = next(step for step in itertools.count(round(count * 0.382)) if gcd(step, count) == 1)
    places = [index * stride % count for index in range(count)]
    return [place * stagger_turns // (count - 1) for place in places]
