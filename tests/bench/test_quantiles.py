from __future__ import annotations

from intone_bench.quantiles import Quantiles, percentiles_ms, quantiles


def test_a_quantile_is_a_time_that_was_measured():
    times_s = [index / 1_000 for index in range(1, 101)]
    assert quantiles(reversed(times_s)) == Quantiles(100, 51.0, 96.0, 100.0, 100.0)


def test_the_p99_of_few_is_the_largest_and_not_a_mean():
    assert quantiles([0.001, 0.002, 0.5]).p99_ms == 500.0


def test_none_have_no_quantiles():
    assert quantiles([]) == Quantiles()
    assert percentiles_ms([]) == ()


def test_the_curve_goes_from_the_least_to_the_most():
    curve = percentiles_ms([0.003, 0.001, 0.002])
    assert (len(curve), curve[0], curve[-1]) == (101, 1.0, 3.0)
    assert list(curve) == sorted(curve)
