"""The repositories of the made-up organisation and their workflows."""

from __future__ import annotations

from dataclasses import dataclass

WORKFLOWS = (
    ("CI", "ci.yml", ("lint", "test")),
    ("Nightly", "nightly.yml", ("e2e",)),
    ("Deploy", "deploy.yml", ("build", "deploy")),
    ("Smoke", "smoke.yml", ("smoke",)),
    ("Links", "links.yml", ("links",)),
    ("Soak", "soak.yml", ("soak",)),
)
CI, NIGHTLY, DEPLOY, SMOKE, LINKS, SOAK = range(len(WORKFLOWS))
SLOW_DAYS, SLOW_TURN = 22, 20
"""So many days a workflow of :attr:`Plan.slow` is slow; the next one begins after so many."""
SLOW_WORKFLOWS = 4


@dataclass(frozen=True)
class Plan:
    """How busy a repository is and how it ships."""

    name: str
    pulls: float
    """Pull requests a working day."""
    deploys: bool
    fails: float
    """Share of first attempts of CI that fail."""
    breaks: float
    """Share of deployments to production that cause an incident."""
    also: tuple[int, ...]
    """Its workflows besides CI and Nightly."""
    slow: dict[int, int]
    """Workflows that are slow now and then, and which of all these they are: at any time one of them is."""
    broken: int | None = None
    """The half of the month (0, 1) in which its links are broken."""
    private: bool = False


PLANS = (
    Plan("lamp-shop", 0.9, True, 0.14, 0.12, (DEPLOY, SMOKE, LINKS), {NIGHTLY: 0, SMOKE: 1}, broken=0),
    Plan("lamp-billing", 0.5, True, 0.07, 0.05, (DEPLOY, SOAK), {NIGHTLY: 2}, private=True),
    Plan("lamp-design", 0.3, False, 0.2, 0.0, (LINKS,), {NIGHTLY: 3}, broken=1),
)
