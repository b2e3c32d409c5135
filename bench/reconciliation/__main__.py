"""``python -m bench.reconciliation`` (``make bench-reconciliation``): measures on held-out seeds, writes the report in docs.

``--fit`` fits the weights and the calibration on the development seeds, and writes them where the engine reads them. With
``IPAI_SIMS`` set, the simulator's ledgers count too; the shipped weights were fitted with them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.reconciliation import ledgers, measure, report
from finance.reconciliation.fitting import fit_weights
from finance.reconciliation.model import SHIPPED, Model, isotonic, shipped

ROOT = Path(__file__).resolve().parents[2]
FIT = (("demo", 1), ("demo", 2), ("demo", 3), ("simulator", 1), ("simulator", 2))
CALIBRATE = (("demo", 4), ("demo", 5), ("demo", 6), ("simulator", 3), ("simulator", 4))
HELD_OUT = (("demo", 301), ("demo", 302), ("demo", 303), ("simulator", 301), ("simulator", 302), ("simulator", 303), ("large", 304))
"""Seeds of ledgers and of what is done to their lines. Nothing was chosen by looking at the held-out ones."""
YEARS, LINES, LARGE = 2, 8_000, 30_000


def books(seeds: tuple[tuple[str, int], ...]) -> Iterator[tuple[ledgers.Books, int]]:
    """The ledgers, without the simulator's where there is none."""
    for kind, seed in seeds:
        if kind == "demo":
            yield ledgers.demo(seed, YEARS), seed
        elif "IPAI_SIMS" in os.environ:
            yield ledgers.simulated(seed, LARGE if kind == "large" else LINES), seed


def fit() -> None:
    """Write ``coefficients.json``."""
    weights = fit_weights([example for ledger, seed in books(FIT) for example in measure.examples(ledger, seed)])
    pairs = [pair for ledger, seed in books(CALIBRATE) for pair in measure.run(ledger, seed, Model(weights)).probabilities]
    SHIPPED.write_text(json.dumps(Model(weights, isotonic(pairs)).as_json(), indent=1) + "\n", encoding="utf-8")


def tallies(seeds: tuple[tuple[str, int], ...]) -> dict[str, measure.Tally]:
    """A tally for each ledger."""
    return {ledger.name: measure.run(ledger, seed, shipped()) for ledger, seed in books(seeds)}


def main() -> int:
    """0 when every bar is held, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m bench.reconciliation", description=__doc__)
    parser.add_argument("--development", action="store_true", help="leave the held-out ledgers alone: for work on the engine")
    parser.add_argument("--fit", action="store_true", help="fit weights and calibration on the development seeds first")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks-reconciliation.md")
    options = parser.parse_args()
    if options.fit:
        fit()
    development = tallies(FIT + CALIBRATE)
    if options.development:
        sys.stdout.write(report.render(development, development, 0.0, simulated="IPAI_SIMS" in os.environ)[0])
        return 0
    started = time.perf_counter()
    held_out = tallies(HELD_OUT)
    text, missed = report.render(development, held_out, time.perf_counter() - started, simulated="IPAI_SIMS" in os.environ)
    options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
