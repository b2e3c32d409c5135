"""The figures as Markdown."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise

from bench.reconciliation import cases
from bench.reconciliation.measure import Tally
from finance.reconciliation.model import shipped

PRECISION, RECALL, FIRST = 0.99, 0.85, 0.95
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.97, 0.99, 0.999, 1.0001)


def total(tallies: Mapping[str, Tally]) -> Tally:
    """All ledgers together."""
    whole = Tally()
    for one in tallies.values():
        whole.add(one)
    return whole


def render(
    development: Mapping[str, Tally], held_out: Mapping[str, Tally], seconds: float, *, simulated: bool
) -> tuple[str, list[str]]:
    """The report, and which bars it misses."""
    whole = total(held_out)
    missed = missing(whole)
    text = [
        "# Reconciliation suggestions, measured",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} by `python -m bench.reconciliation` (`make bench-reconciliation`) on",
        f"{platform.machine()}, Python {platform.python_version()}: {sum(whole.classes.values()):,} bank lines of",
        f"{len(held_out)} held-out ledgers in {seconds:.0f} s, the plain rule and the making of the cases included.",
        *([] if simulated else ["The simulator's ledgers are left out: `IPAI_SIMS` is not set."]),
        "",
        *INTRODUCTION,
        "",
        *[f"- {what}: {listed(shares)}" for what, shares in SHARES.items()],
        f"- for each line {cases.NOISE:.0%} of another without a document, beside the ledger's own rent, wages, taxes and loans",
        "",
        "Weights and calibration come from the development seeds; nothing was chosen by looking at the held-out ones.",
        "",
        *bars(whole, missed),
        *per_ledger("Held-out ledgers", held_out),
        *per_ledger("Development ledgers", development),
        *by_kind(whole),
        *reliability(whole),
    ]
    return "\n".join(text), missed


INTRODUCTION = (
    "Cases are the reconciled history of ledgers whose link is hidden, month by month: all bank lines of a month are asked for at",
    "once, against everything that was open at its end, with what the months before it teach. Then the lines are made bad, by",
    "shares that were set beforehand and extended once, after a look at the bank lines of a real database (partners that the",
    "line names by id, numbers that mean nothing) and before the held-out ledgers below were measured:",
)


def listed(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name or 'nothing'} {share:.0%}" for name, share in shares.items())


def bars(whole: Tally, missed: list[str]) -> list[str]:
    """The figures that are promised, beside those of the plain rule."""
    plain = whole.plain
    found = ratio(plain["right_solvable"], plain["solvable"])
    rows = (
        (
            "precision of what may be selected by itself",
            ratio(whole.right, whole.selected),
            PRECISION,
            ratio(plain["right"], plain["selected"]),
        ),
        (
            "recall: selected by itself and right, of all that have an answer",
            ratio(whole.right_solvable, whole.solvable),
            RECALL,
            found,
        ),
        ("the first candidate is right, of all that have an answer", ratio(whole.first, whole.solvable), FIRST, found),
        (
            "ambiguous by making, selected by itself",
            f"{whole.twins_selected} of {whole.twins}",
            0,
            f"{plain['twins']} of {whole.twins}",
        ),
        ("without an answer, selected by itself", f"{whole.without_selected} of {whole.without}", "", ""),
        ("the answer is among the candidates", ratio(whole.among, whole.solvable), "", ""),
    )
    return [
        "## Bars",
        "",
        "| on held-out ledgers | measured | bar | plain rule |",
        "| --- | --- | --- | --- |",
        *[f"| {' | '.join(map(str, row))} |" for row in rows],
        "",
        f"Missed: {'; '.join(missed)}." if missed else "No bar is missed.",
        "",
        "The plain rule selects the one open item of exactly this amount whose partner's name begins with the name on the line.",
        "",
    ]


SHARES = {"text": cases.TEXTS, "name on the statement": cases.NAMES, "amount": cases.AMOUNTS, "special": cases.SPECIAL}


def ratio(part: int, of: int) -> str:
    return f"{part / of:.4f} ({part:,}/{of:,})" if of else "none"


def missing(whole: Tally) -> list[str]:
    """The bars that are not held, in words."""
    found = {
        f"precision is below {PRECISION}": whole.right < PRECISION * whole.selected,
        f"recall is below {RECALL}": whole.right_solvable < RECALL * whole.solvable,
        f"the first candidate is right less often than {FIRST}": whole.first < FIRST * whole.solvable,
        "an ambiguous line was selected": whole.twins_selected > 0,
    }
    return [words for words, true in found.items() if true]


def per_ledger(title: str, tallies: Mapping[str, Tally]) -> list[str]:
    """One row for each ledger."""
    head = [
        "| ledger | lines | precision | recall | first right | ambiguous selected | classes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = []
    for name, one in tallies.items():
        figures = ratio(one.right, one.selected), ratio(one.right_solvable, one.solvable), ratio(one.first, one.solvable)
        classes = ", ".join(f"{outcome} {one.classes[outcome]}" for outcome in ("match", "likely", "ambiguous", "none"))
        row = name, sum(one.classes.values()), *figures, f"{one.twins_selected} of {one.twins}", classes
        rows.append(f"| {' | '.join(map(str, row))} |")
    return [f"## {title}", "", *head, *rows, ""]


def by_kind(whole: Tally) -> list[str]:
    """What each way of making a line bad costs."""
    head = ["| | made | lines | first right | selected and right | selected and wrong |", "| --- | --- | --- | --- | --- | --- |"]
    rows = []
    for (what, value), counts in sorted(whole.by.items()):
        if what != "special":
            lines, wrong = counts["cases"], counts["selected"] - counts["right"]
            rows.append(f"| {what} | {value} | {lines} | {counts['first'] / lines:.3f} | {counts['right'] / lines:.3f} | {wrong} |")
    return ["## By what was done to the line (held out)", "", *head, *rows, ""]


def reliability(whole: Tally) -> list[str]:
    """Confidence against what proved right."""
    model = shipped()
    placed = [(model.confidence(chance), right) for chance, right in whole.probabilities]
    rows = []
    for low, high in pairwise(BINS):
        part = [(confidence, right) for confidence, right in placed if low <= confidence < high]
        if part:
            mean, share = sum(c for c, _ in part) / len(part), sum(right for _, right in part) / len(part)
            rows.append(f"| {low:g} to {min(high, 1):g} | {len(part)} | {mean:.4f} | {share:.4f} |")
    error = sum((confidence - right) ** 2 for confidence, right in placed) / max(1, len(placed))
    head = ["| confidence | first candidates | mean confidence | right |", "| --- | --- | --- | --- |"]
    return ["## How far the confidence can be relied on (held out)", "", *head, *rows, "", f"Brier score {error:.4f}.", ""]
