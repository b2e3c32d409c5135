"""Random histories: the graph walks equal a reading of the definitions that tries everything."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from devops.gold.changes import Pull, find_changes, landed, trace
from devops.gold.deployments import Deployment, Incident, judge, shipments, shipped
from devops.gold.history import Commit, History
from tests.devops.organisation import at

START = at("01-01")


def descends(history: History, new: str, old: str) -> bool:
    """Whether ``new`` is ``old`` or has it among its ancestors, by looking at every way down."""
    return new == old or any(descends(history, parent, old) for parent in history.parents(new))


class World:
    """A random repository: merges, squashes, rebases, direct pushes, deployments of any commit, incidents."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.hour = 0
        self.commits: dict[str, Commit] = {}
        self.main = [self.commit((), "root")]
        self.pulls: list[Pull] = []
        self.deployments: list[Deployment] = []
        self.incidents: list[Incident] = []
        for _ in range(self.rng.randint(3, 25)):
            self.rng.choice([self.push, self.pull, self.pull, self.deploy, self.deploy, self.incident])()

    def commit(self, parents: tuple[str, ...], message: str = "") -> str:
        self.hour += self.rng.randint(0, 30)
        sha = f"c{len(self.commits)}"
        self.commits[sha] = Commit(sha, parents, START + timedelta(hours=self.hour), message or f"m{self.rng.randint(0, 3)}")
        return sha

    def push(self) -> None:
        self.main.append(self.commit((self.main[-1],)))

    def pull(self) -> None:
        own = []
        parent = self.rng.choice(self.main)
        for _ in range(self.rng.randint(1, 3)):
            parent = self.commit((parent,))
            own.append(parent)
        how = self.rng.choice(["merge", "squash", "rebase"])
        if how == "merge":
            self.main += [*own, self.commit((self.main[-1], own[-1]), "Merge")]
        elif how == "squash":
            self.main.append(self.commit((self.main[-1],), "squashed"))
        else:
            for sha in own:
                self.main.append(self.commit((self.main[-1],), self.commits[sha].message))
        merged = START + timedelta(hours=self.hour)
        self.pulls.append(Pull(len(self.pulls) + 1, merged, self.main[-1], [self.commits[sha] for sha in own]))

    def deploy(self) -> None:
        self.hour += self.rng.randint(0, 3)
        begun = START + timedelta(hours=self.hour)
        states = [(state, begun) for state in self.rng.sample(["success", "failure", "inactive"], self.rng.randint(0, 3))]
        sha, environment = self.rng.choice(list(self.commits)), self.rng.choice(["prod", "prod", "staging"])
        one = Deployment(len(self.deployments) + 100, sha, "main", environment, begun)
        one.statuses = states
        one.payload = self.rng.choice([{}, {}, {"kind": "hotfix"}, '{"kind": "rollback"}'])
        self.deployments.append(one)

    def incident(self) -> None:
        self.hour += self.rng.randint(0, 5)
        names = [one.id for one in self.deployments if self.rng.random() < 0.3] + [999]
        opened = START + timedelta(hours=self.hour)
        closed = opened + timedelta(hours=1) if self.rng.random() < 0.5 else None
        body = " and ".join(f"deployment {name}" for name in names)
        self.incidents.append(Incident(len(self.incidents) + 1, "Down", body, opened, closed, ""))


@pytest.mark.parametrize("seed", range(300))
def test_random_histories_equal_the_definitions(seed: int) -> None:
    world = World(seed)
    history = History(world.commits.values())
    good = sorted(
        (d for d in world.deployments if d.environment == "prod" and any(state == "success" for state, _ in d.statuses)),
        key=lambda d: (d.created_at, d.id),
    )
    changes = find_changes(history, world.pulls, world.main)
    trace(history, changes, shipments(world.deployments))
    judge(history, world.deployments, world.incidents)

    brought = {commit.sha for pull in world.pulls for commit in pull.commits}
    places = [landed(history, pull)[1] for pull in world.pulls]
    on_main = {place for found in places for place in found.values()} | {pull.merge_sha for pull in world.pulls}
    direct = {sha for sha in world.main if len(world.commits[sha].parents) == 1} - on_main
    assert {change.commit.sha for change in changes} == brought | direct
    for change in changes:
        wanted = {change.commit.sha, *(found[change.commit.sha] for found in places if change.commit.sha in found)}
        first = next((d for d in good if any(descends(history, d.sha, sha) for sha in wanted)), None)
        assert (change.shipment.at if change.shipment else None) == (first.created_at if first else None)

    assert [one.id for one in shipped(world.deployments)] == [one.id for one in good]
    for index, one in enumerate(good):
        after = good[index + 1] if index + 1 < len(good) else None
        before = good[index - 1] if index else None
        rolled = bool(after and after.sha != one.sha and descends(history, one.sha, after.sha))
        named = [incident for incident in world.incidents if one.id in incident.named]
        assert (one.failed_by is not None) == bool(named or rolled)
        if named:
            assert one.recovered_at == named[0].closed_at
        elif rolled and after:
            assert one.recovered_at == after.created_at
        older = bool(before and before.sha != one.sha and descends(history, before.sha, one.sha))
        assert (one.rework_by is not None) == (older or bool(one.payload))
    assert not any(one.failed_by or one.rework_by for one in world.deployments if one not in good)


def test_a_long_history_is_walked_without_recursion_and_quickly() -> None:
    commits = [Commit(f"c{n}", (f"c{n - 1}",) if n else (), START) for n in range(100_000)]
    history = History(reversed(commits))
    assert history.is_ancestor("c0", "c99999")
    assert not history.is_ancestor("c99999", "c0")
    deployments = [
        Deployment(n, f"c{n * 50}", "main", "prod", START, statuses=[("success", START + timedelta(hours=n))]) for n in range(2000)
    ]
    changes = find_changes(history, [], [commit.sha for commit in commits])
    trace(history, changes, shipments(deployments))
    judge(history, deployments, [])
    assert sum(change.shipment is not None for change in changes) == 99_950
    assert not any(one.failed_by for one in deployments)
