"""Workflows that are slower, fail more or are flakier than their own history; each with the numbers that say so, in words.

The last seven days are held against the eight weeks before. Slower: the week's median duration of successful runs lies more
than 3.5 robust standard deviations (1.4826 x median absolute deviation of the weeks' medians; Iglewicz and Hoaglin 1993) above
their median, and at least a quarter and half a minute above it. Failing and flakier: so many in the week would come about in
less than one of a thousand weeks if the earlier rate still held (one-sided binomial test), and the rate is ten points higher.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

WEEK = timedelta(days=7)
WEEKS = 8
MIN_RUNS = 5
"""Runs that a week needs to have a median."""
MIN_WEEKS = 4
MIN_TRIALS, MIN_HISTORY = 10, 30
SCORE, CHANCE = 3.5, 0.001


@dataclass(frozen=True, slots=True)
class Sample:
    """A run (its seconds when it succeeded) or a group of attempts on one commit, and whether it failed (was flaky)."""

    at: datetime
    bad: bool
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """``score`` is in robust standard deviations (slower) or the chance of it (failing, flakier)."""

    kind: str
    value: float
    usual: float
    score: float
    explanation: str


def slower(runs: Sequence[Sample], now: datetime) -> Anomaly | None:
    """Whether the last week's successful runs took unusually long."""
    weeks: dict[int, list[float]] = {}
    for run in runs:
        age = int((now - run.at) / WEEK)
        if run.seconds is not None and not run.bad and 0 <= age <= WEEKS:
            weeks.setdefault(age, []).append(run.seconds)
    medians = {age: median(found) for age, found in weeks.items() if len(found) >= MIN_RUNS}
    value = medians.pop(0, None)
    if value is None or len(medians) < MIN_WEEKS:
        return None
    usual = median(medians.values())
    spread = max(1.4826 * median(abs(one - usual) for one in medians.values()), 0.05 * usual, 1)
    score = (value - usual) / spread
    if score <= SCORE or value < 1.25 * usual or value < usual + 30:
        return None
    why = (
        f"Half of last week's {len(weeks[0])} successful runs took {words(value)} or more; in the {len(medians)} weeks before the"
        f" median was {words(usual)} (weekly medians from {words(min(medians.values()))} to {words(max(medians.values()))})"
    )
    return Anomaly("slower", value, usual, score, f"{why}. That is {score:.1f} robust standard deviations above it.")


def worse(kind: str, samples: Sequence[Sample], now: datetime) -> Anomaly | None:
    """Whether more went bad in the last week than the eight weeks before let expect. ``kind``: failing or flakier."""
    recent = [one for one in samples if now - WEEK < one.at <= now]
    history = [one for one in samples if now - (WEEKS + 1) * WEEK < one.at <= now - WEEK]
    if len(recent) < MIN_TRIALS or len(history) < MIN_HISTORY:
        return None
    bad, before = sum(one.bad for one in recent), sum(one.bad for one in history)
    usual = (before + 1) / (len(history) + 2)  # never quite 0 or 1: Laplace's rule of succession
    value, chance = bad / len(recent), tail(bad, len(recent), usual)
    if chance >= CHANCE or value < before / len(history) + 0.1:
        return None
    what, unit = ("failed or timed out", "runs") if kind == "failing" else ("were flaky", "commits")
    why = (
        f"{bad} of last week's {len(recent)} {unit} {what} ({value:.0%}); in the eight weeks before it was {before} of"
        f" {len(history)} ({before / len(history):.0%})"
    )
    return Anomaly(kind, value, before / len(history), chance, f"{why}. By chance that happens in {odds(chance)}.")


def tail(successes: int, trials: int, rate: float) -> float:
    """The chance of at least so many successes (binomial)."""
    return min(1.0, math.fsum(math.exp(_log_chance(k, trials, rate)) for k in range(successes, trials + 1)))


def _log_chance(k: int, n: int, rate: float) -> float:
    choices = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return choices + k * math.log(rate) + (n - k) * math.log1p(-rate)


def words(seconds: float) -> str:
    """A duration for people: ``4 min 10 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def odds(chance: float) -> str:
    """A small chance for people."""
    return f"1 of {round(1 / chance):,} weeks" if chance > 1e-6 else "less than 1 of a million weeks"
