"""The figures as Markdown."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime

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
    lines = sum(whole.classes.values())
    text = [
        "# Reconciliation suggestions, measured",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} by `python -m bench.reconciliation` (`make bench-reconciliation`) on {platform.machine()},",
        f"Python {platform.python_version()}; {lines:,} bank lines of {len(held_out)} held-out ledgers in {seconds:.0f} s with the plain rule and the making of the cases.",
        *([] if simulated else ["The simulator's ledgers are left out: `IPAI_SIMS` is not set."]),
        "",
        "Cases are the reconciled history of ledgers whose link is hidden, month by month: all bank lines of a month are asked for at",
        "once, against everything that was open at its end, with what the months before it teach. Then the lines are made bad; the",
        "shares were set before anything was measured:",
        "",
        *[
            f"- {what}: " + ", ".join(f"{name or 'nothing'} {share:.0%}" for name, share in shares.items())
            for what, shares in SHARES.items()
        ],
        f"- for every twenty lines one more that belongs to no document ({cases.NOISE:.0%}), beside the rent, wages, taxes and loans of the ledger itself",
        "",
        "Weights and calibration come from the development seeds; nothing was chosen by looking at the held-out ones.",
        "",
        "## Bars",
        "",
        "| on held-out ledgers | measured | bar | plain rule |",
        "| --- | --- | --- | --- |",
        f"| precision of what may be selected by itself | {ratio(whole.right, whole.selected)} | {PRECISION} | {ratio(whole.plain['right'], whole.plain['selected'])} |",
        f"| recall: selected by itself and right, of all that have an answer | {ratio(whole.right_solvable, whole.solvable)} | {RECALL} | {ratio(whole.plain['right_solvable'], whole.plain['solvable'])} |",
        f"| the first candidate is right, of all that have an answer | {ratio(whole.first, whole.solvable)} | {FIRST} | {ratio(whole.plain['right_solvable'], whole.plain['solvable'])} |",
        f"| ambiguous by making, selected by itself | {whole.twins_selected} of {whole.twins} | 0 | {whole.plain['twins']} of {whole.twins} |",
        f"| without an answer, selected by itself | {whole.without_selected} of {whole.without} | | |",
        f"| the answer is among the candidates | {ratio(whole.among, whole.solvable)} | | |",
        "",
        f"Missed: {'; '.join(missed)}." if missed else "No bar is missed.",
        "",
        "The plain rule selects the one open item of exactly this amount whose partner's name begins with the name on the statement.",
        "",
        *per_ledger("Held-out ledgers", held_out),
        *per_ledger("Development ledgers", development),
        *by_kind(whole),
        *reliability(whole),
    ]
    return "\n".join(text), missed


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
    rows = [
        f"| {name} | {sum(one.classes.values())} | {ratio(one.right, one.selected)} | {ratio(one.right_solvable, one.solvable)} | {ratio(one.first, one.solvable)} "
        f"| {one.twins_selected} of {one.twins} | {', '.join(f'{outcome} {one.classes[outcome]}' for outcome in ('match', 'likely', 'ambiguous', 'none'))} |"
        for name, one in tallies.items()
    ]
    head = [
        "| ledger | lines | precision | recall | first right | ambiguous selected | classes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    return [f"## {title}", "", *head, *rows, ""]


def by_kind(whole: Tally) -> list[str]:
    """What each way of making a line bad costs."""
    rows = [
        f"| {what} | {value or 'nothing'} | {counts['cases']} | {counts['first'] / counts['cases']:.3f} | {counts['right'] / counts['cases']:.3f} | {counts['selected'] - counts['right']} |"
        for (what, value), counts in sorted(whole.by.items())
        if what != "special"
    ]
    head = ["| | made | lines | first right | selected and right | selected and wrong |", "| --- | --- | --- | --- | --- | --- |"]
    return ["## By what was done to the line (held out)", "", *head, *rows, ""]


def reliability(whole: Tally) -> list[str]:
    """Confidence against what proved right."""
    model = shipped()
    placed = [(model.confidence(chance), right) for chance, right in whole.probabilities]
    rows = []
    for low, high in zip(BINS, BINS[1:], strict=False):
        part = [(confidence, right) for confidence, right in placed if low <= confidence < high]
        if part:
            mean, share = sum(c for c, _ in part) / len(part), sum(right for _, right in part) / len(part)
            rows.append(f"| {low:g} to {min(high, 1):g} | {len(part)} | {mean:.4f} | {share:.4f} |")
    error = sum((confidence - right) ** 2 for confidence, right in placed) / max(1, len(placed))
    head = ["| confidence | first candidates | mean confidence | right |", "| --- | --- | --- | --- |"]
    return ["## How far the confidence can be relied on (held out)", "", *head, *rows, "", f"Brier score {error:.4f}.", ""]
