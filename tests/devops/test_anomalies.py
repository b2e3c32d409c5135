"""A workflow against its own history."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from devops.gold.anomalies import Sample, slower, tail, worse
from tests.devops.organisation import Organisation, at

NOW = at("03-01")


def runs(week: int, seconds: list[float], bad: bool = False) -> list[Sample]:
    """Runs of a week before now (0: the last one)."""
    return [Sample(NOW - timedelta(days=7 * week + 1, hours=n), bad, one) for n, one in enumerate(seconds)]


STEADY = [run for week in range(1, 9) for run in runs(week, [300 + 4 * (week % 3)] * 6)]


def test_a_week_far_above_the_weeks_before_is_slower() -> None:
    found = slower([*STEADY, *runs(0, [600] * 6)], NOW)
    assert found is not None
    assert (found.kind, found.value, found.usual) == ("slower", 600, 304)
    assert found.score == pytest.approx((600 - 304) / max(1.4826 * 4, 0.05 * 304))
    assert found.explanation.startswith("Half of last week's 6 successful runs took 10 min 0 s or more; in the 8 weeks before")


@pytest.mark.parametrize(
    "samples",
    [
        [*STEADY, *runs(0, [330] * 6)],  # a tenth is no anomaly
        [*STEADY, *runs(0, [600] * 4)],  # too few runs
        [*STEADY, *runs(0, [600] * 6, bad=True)],  # failures take as long as they take
        [*runs(1, [300] * 6), *runs(2, [300] * 6), *runs(0, [600] * 6)],  # too short a history
        [*(run for week in range(1, 9) for run in runs(week, [100 * week] * 6)), *runs(0, [900] * 6)],  # always changing
        [*(Sample(run.at, run.bad, 2) for run in STEADY), *runs(0, [20] * 6)],  # seconds do not matter
        STEADY,
        [],
    ],
)
def test_what_is_not_slower(samples: list[Sample]) -> None:
    assert slower(samples, NOW) is None


def outcomes(week: int, bad: int, total: int) -> list[Sample]:
    return [Sample(NOW - timedelta(days=7 * week + 1, minutes=n), n < bad) for n in range(total)]


def test_many_failures_in_a_week_after_few_are_failing() -> None:
    samples = [*outcomes(0, 10, 20), *(one for week in range(1, 9) for one in outcomes(week, 1, 20))]
    found = worse("failing", samples, NOW)
    assert found is not None
    assert (found.value, found.usual) == (0.5, 0.05)
    assert found.score == pytest.approx(tail(10, 20, 9 / 162))
    assert (
        "10 of last week's 20 runs failed or timed out (50%); in the eight weeks before it was 8 of 160 (5%)" in found.explanation
    )


@pytest.mark.parametrize(
    "samples",
    [
        [*outcomes(0, 2, 20), *(one for week in range(1, 9) for one in outcomes(week, 1, 20))],  # chance
        [*outcomes(0, 9, 9), *(one for week in range(1, 9) for one in outcomes(week, 1, 20))],  # too few this week
        [*outcomes(0, 20, 20), *outcomes(1, 0, 20)],  # too short a history
        [*outcomes(0, 60, 1000), *(one for week in range(1, 9) for one in outcomes(week, 20, 1000))],  # sure, but of no weight
    ],
)
def test_what_is_not_failing(samples: list[Sample]) -> None:
    assert worse("failing", samples, NOW) is None


@pytest.mark.parametrize(("k", "n", "rate"), [(0, 5, 0.2), (3, 10, 0.5), (10, 10, 0.9), (7, 40, 0.05)])
def test_the_tail_is_the_binomial_one(k: int, n: int, rate: float) -> None:
    assert tail(k, n, rate) == pytest.approx(sum(math.comb(n, i) * rate**i * (1 - rate) ** (n - i) for i in range(k, n + 1)))


def test_anomalies_of_runs_are_rows_of_their_workflow(org: Organisation) -> None:
    ci, calm = org.workflow("CI"), org.workflow("Calm")
    for week in range(9):
        for n in range(12):
            when = (NOW - timedelta(days=7 * week + 1, hours=n)).isoformat()
            org.run(ci, "failure" if week == 0 and n < 8 else "success", when, 300 if week else 900, head_sha=f"{week}-{n}")
            org.run(calm, "success", when, 300, head_sha=f"{week}-{n}")
            if week == 0 and n < 8:
                org.run(ci, "success", when, 900, head_sha=f"{week}-{n}")
    org.refresh()
    found = org.gold("ci_anomalies", order="kind")
    assert [(row["workflow"], row["kind"]) for row in found] == [("CI", "failing"), ("CI", "flakier"), ("CI", "slower")]
    assert (found[2]["value"], found[2]["usual"]) == (900, 300)
    assert "8 of last week's 12 commits were flaky" in found[1]["explanation"]
