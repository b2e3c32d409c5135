"""What happens in the made-up organisation: pull requests, runs, deployments, rollbacks, incidents, releases.

Everything is drawn from the repository's name and the day, so that the same past is told whenever it is asked for. The story
begins with a quarter of the year, four to seven months ago; what lies after ``now`` has not happened yet.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from connectors.demo.github.model import Json, Organisation, Repository, sha_of, stamp, user
from connectors.demo.github.plans import (
    CI,
    DEPLOY,
    LINKS,
    NIGHTLY,
    PLANS,
    SLOW_DAYS,
    SLOW_TURN,
    SLOW_WORKFLOWS,
    SMOKE,
    SOAK,
    WORKFLOWS,
    Plan,
)
from connectors.demo.github.specs import FILES, OTHER_FILES

OWNER = "demo-lamps"
PEOPLE = ("ada-demo", "bruno-demo", "chidi-demo", "dalia-demo")
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
WORK = (
    "Round the basket's total",
    "Retry the webhook",
    "Show the delivery day",
    "Speed up search",
    "Mend the import",
    "Add a test",
)


def demo_organisation(now: datetime) -> Organisation:
    """The organisation as it is at ``now`` (aware)."""
    organisation = Organisation(OWNER)
    for number, plan in enumerate(PLANS):
        organisation.repositories.append(Story(plan, number, now).told())
    organisation.repositories.append(Repository(2_000_900, "lamp-lab", OWNER, BEGIN))  # nothing was pushed to it yet
    return organisation


def first_day(now: datetime) -> datetime:
    """The first day of the quarter that holds the day four months ago."""
    early = now - 120 * DAY
    return datetime(early.year, (early.month - 1) // 3 * 3 + 1, 1, tzinfo=UTC)


class Story:
    """One repository's events in the order of time."""

    def __init__(self, plan: Plan, number: int, now: datetime) -> None:
        self.plan, self.now, self.index = plan, now, number
        self.repo = Repository(2_000_100 + number, plan.name, OWNER, BEGIN, private=plan.private)
        self._events: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = itertools.count()
        self._runs = itertools.count(1)
        self._used: set[int] = set()
        self.workflows: dict[int, Json] = {}
        self.live: list[Json] = []
        """Deployments that reached production."""

    def told(self) -> Repository:
        """The repository with everything that has happened."""
        start = first_day(self.now)
        self.open(start)
        for day in range((self.now - start).days + 1):
            self.day(start + day * DAY)
        while self._events and self._events[0][0] <= self.now:
            at, _, event = heapq.heappop(self._events)
            event(at)
        return self.repo

    def at(self, moment: datetime, event: Callable[[datetime], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._events, (moment.replace(microsecond=0), next(self._order), event))

    def id(self, at: datetime) -> int:
        """An id that grows with time and is the same whenever the story is told."""
        found = int((at - BEGIN).total_seconds()) * 30 + self.index * 10
        while found in self._used:
            found += 1
        self._used.add(found)
        return 10_000_000 + found

    def open(self, start: datetime) -> None:
        """The repository as it stands when the story begins."""
        repo = self.repo
        for number in (CI, NIGHTLY, *self.plan.also):
            name, file, _ = WORKFLOWS[number]
            path = f".github/workflows/{file}"
            about = {
                "id": repo.id * 10 + number,
                "name": name,
                "path": path,
                "state": "active",
                "html_url": f"{repo.html_url}/actions",
            }
            self.workflows[number] = {**about, "created_at": stamp(repo.created), "updated_at": stamp(repo.created)}
            repo.workflows.append(self.workflows[number])
        repo.files = {**OTHER_FILES, **FILES.get(repo.name, {})}
        repo.push(repo.commit(sha_of(f"{repo.name} first"), start, PEOPLE[0], "Initial commit", []), start)

    def day(self, day: datetime) -> None:
        """What begins on this day."""
        draw = Random(f"{self.plan.name} {day:%Y-%m-%d}")  # noqa: S311 (a story, not a secret)
        for hour, workflow in ((2, NIGHTLY), (3, LINKS), (5, SMOKE)):
            if workflow in self.workflows:
                self.at(day + hour * HOUR, lambda at, workflow=workflow: self.scheduled(at, workflow))  # type: ignore[misc]
        if SOAK in self.workflows and day.weekday() == 6:
            self.at(day + 4 * HOUR, lambda at: self.scheduled(at, SOAK))
        if day.weekday() > 4:
            return
        for number in range(int(draw.random() < self.plan.pulls) + int(draw.random() < self.plan.pulls / 3)):
            self.at(day + (8 + 6 * draw.random()) * HOUR, lambda at, number=number: self.pull(at, number, draw))  # type: ignore[misc]
        if draw.random() < 0.3:
            self.at(day + (9 + 7 * draw.random()) * HOUR, lambda at: self.question(at, draw))
        if day.weekday() == 3 and not self.plan.deploys:
            self.at(day + 15 * HOUR, self.release)

    @property
    def tip(self) -> str:
        assert self.repo.tip is not None
        return self.repo.tip

    def number(self, at: datetime, offset: int) -> int:
        """The number of an issue or pull request."""
        found = (at - BEGIN).days * 8 + offset
        while found in self.repo.issues:
            found += 1
        return found

    def question(self, at: datetime, draw: Random) -> None:
        """Somebody opens an issue, which is mostly closed days later."""
        title = f"{draw.choice(WORK)}?"
        issue = self.repo.issue(self.number(at, 5), self.id(at), at, draw.choice(PEOPLE), title, "Demo data, made up.")
        if draw.random() < 0.8:
            self.at(at + draw.uniform(0.1, 9) * DAY, lambda later: self.repo.close(issue, later, PEOPLE[1]))

    def pull(self, at: datetime, number: int, draw: Random, incident: Json | None = None) -> None:
        """A pull request: commits, CI, a review, and the merge in one of the three ways."""
        repo, author = self.repo, draw.choice(PEOPLE)
        title = f"Mend: {incident['title']}" if incident else draw.choice(WORK)
        base, shas, name = self.tip, list[str](), f"{repo.name} {at:%Y%m%d} {number}"
        for step in range(draw.choice((1, 1, 2, 3))):
            made = at - (3 - step) * draw.uniform(0.2, 6) / 3 * HOUR
            shas.append(repo.commit(sha_of(f"{name} {step}"), made, author, f"{title} ({step + 1})", [shas[-1] if shas else base]))
        branch = f"{'hotfix' if incident else 'work'}/{at:%m%d}-{number}"
        opened = repo.pull(self.number(at, number), self.id(at) * 2, at, author, title, branch, shas, base)
        self.run(at, CI, "pull_request", branch, shas[-1], author, draw)
        wait = (0.5 if incident else draw.uniform(1, 40)) * HOUR
        self.at(at + wait / 2, lambda later: self.review(later, opened, draw))
        if draw.random() < 0.93 or incident:
            self.at(at + wait, lambda later: self.merge(later, opened, draw, incident))

    def review(self, at: datetime, pull: Json, draw: Random) -> None:
        """A colleague looks at a pull request."""
        reviewer = next(person for person in PEOPLE if person != pull["user"]["login"])
        state = draw.choice(("APPROVED", "APPROVED", "CHANGES_REQUESTED"))
        about = {"id": self.id(at), "user": user(reviewer), "state": state, "body": "", "commit_id": pull["head"]["sha"]}
        self.repo.reviews[pull["number"]].append({**about, "submitted_at": stamp(at), "html_url": pull["html_url"]})
        self.repo.touch(pull["number"], at)

    def merge(self, at: datetime, pull: Json, draw: Random, incident: Json | None) -> None:
        """By a merge commit, squashed or rebased; then CI on the default branch, and the deployment."""
        repo, number, how = self.repo, pull["number"], draw.choice(("squash", "squash", "merge", "rebase"))
        shas, author = repo.pull_commits[number], pull["user"]["login"]
        if how == "rebase":
            tip = self.tip
            for sha in shas:
                tip = repo.commit(sha_of(f"rebased {sha}"), at, author, repo.commits[sha]["commit"]["message"], [tip])
                repo.commits[tip]["commit"]["author"] = repo.commits[sha]["commit"]["author"]
        else:
            parents = [self.tip, shas[-1]] if how == "merge" else [self.tip]
            message = f"Merge pull request #{number}\n\n{pull['title']}" if how == "merge" else f"{pull['title']} (#{number})"
            tip = repo.commit(sha_of(f"{how} {shas[-1]}"), at, author, message, parents)
        repo.push(tip, at)
        for item in (repo.issues[number], pull):
            repo.close(item, at, author)
        pull |= {"merged_at": stamp(at), "merge_commit_sha": tip}
        self.run(at, CI, "push", "main", tip, author, draw)
        if self.plan.deploys:
            payload = {"kind": "hotfix", "incident": incident["number"]} if incident else {}
            self.at(at + 12 * MINUTE, lambda later: self.ship(later, tip, payload, draw, incident))

    def run(self, at: datetime, workflow: int, event: str, branch: str, sha: str, actor: str, draw: Random) -> None:
        """A run of a workflow; a failed one is often run again."""
        _, _, names = WORKFLOWS[workflow]
        run = self.repo.run(self.id(at), at, self.workflows[workflow], event, branch, sha, actor, next(self._runs))
        self.attempt(at, run, names, draw, draw.random() < self.plan.fails)

    def scheduled(self, at: datetime, workflow: int) -> None:
        """A run that the clock started. Links break for half a month, somebody is always slow, and a soak test lasts a week."""
        name, _, names = WORKFLOWS[workflow]
        draw = Random(f"{self.plan.name} {name} {at:%Y-%m-%d}")  # noqa: S311
        run = self.repo.run(
            self.id(at), at, self.workflows[workflow], "schedule", "main", self.tip, PEOPLE[self.index], next(self._runs)
        )
        turn = (at - BEGIN).days - SLOW_TURN * self.plan.slow.get(workflow, 0)
        slow = workflow in self.plan.slow and turn % (SLOW_TURN * SLOW_WORKFLOWS) < SLOW_DAYS
        seconds = draw.uniform(280, 330) * (1.9 if slow else 1)
        lasts = 7 * DAY + HOUR if workflow == SOAK else timedelta(seconds=int(seconds))
        began, broken = at + timedelta(seconds=draw.randrange(4, 90)), workflow == LINKS and at.day // 16 == self.plan.broken
        self.at(began, lambda now: self.repo.work(run, now, None, None, names))
        self.at(began + lasts, lambda now: self.repo.work(run, began, now, "failure" if broken else "success", names))

    def attempt(self, at: datetime, attempt: Json, names: tuple[str, ...], draw: Random, fails: bool) -> None:
        """One attempt from the queue to its end."""
        began = at + timedelta(seconds=draw.randrange(4, 90))
        ended = began + timedelta(seconds=int(draw.uniform(150, 420)))
        self.at(began, lambda now: self.repo.work(attempt, now, None, None, names))
        self.at(ended, lambda now: self.repo.work(attempt, began, now, "failure" if fails else "success", names))
        if fails and draw.random() < 0.7:
            again = ended + draw.uniform(5, 60) * MINUTE
            self.at(again, lambda now: self.attempt(now, self.repo.rerun(attempt["id"], now, PEOPLE[2]), names, draw, False))

    def ship(self, at: datetime, sha: str, payload: Json, draw: Random, incident: Json | None = None) -> None:
        """A deployment to production, which may fail, or break something."""
        repo = self.repo
        deployment = repo.deploy(self.id(at), at, "production", sha, PEOPLE[0], payload)
        good = bool(payload) or draw.random() > 0.06
        repo.status(deployment, at, "queued")
        self.at(at + MINUTE, lambda now: repo.status(deployment, now, "in_progress"))
        self.at(at + 5 * MINUTE, lambda now: self.shipped(now, deployment, good, draw, incident))
        if repo.tip == sha:
            self.run(at, DEPLOY, "push", "main", sha, PEOPLE[0], draw)

    def shipped(self, at: datetime, deployment: Json, good: bool, draw: Random, incident: Json | None) -> None:
        """The end of a deployment, and what may come of it."""
        self.repo.status(deployment, at, "success" if good else "failure")
        if not good:
            return
        for earlier in self.live[-1:]:
            self.repo.status(earlier, at, "inactive")
        self.live.append(deployment)
        if incident is not None:
            self.at(at + 10 * MINUTE, lambda now: self.repo.close(incident, now, PEOPLE[3]))
        elif len(self.live) > 1 and draw.random() < self.plan.breaks:
            self.at(at + draw.uniform(10, 90) * MINUTE, lambda now: self.incident(now, deployment, draw))

    def incident(self, at: datetime, deployment: Json, draw: Random) -> None:
        """Something is broken: roll back, or mend it in a hurry."""
        body = f"Demo data, made up.\n\nCaused by deployment {deployment['id']}."
        title = f"Incident: {draw.choice(('orders fail', 'prices are missing', 'search is slow'))}"
        issue = self.repo.issue(self.number(at, 6), self.id(at), at, PEOPLE[3], title, body, ("incident", "sev2"))
        earlier = next((item for item in reversed(self.live) if item["sha"] != deployment["sha"]), None)
        if draw.random() < 0.5 and earlier:
            self.at(at + 20 * MINUTE, lambda now: self.ship(now, earlier["sha"], {"kind": "rollback"}, draw, issue))
        else:
            self.at(at + 25 * MINUTE, lambda now: self.pull(now, 7, draw, issue))

    def release(self, at: datetime) -> None:
        """A release of what is on the default branch."""
        tag = f"v1.{(at - BEGIN).days // 7}.0"
        about = {
            "id": self.id(at),
            "tag_name": tag,
            "name": tag,
            "body": "Demo data, made up.",
            "draft": False,
            "prerelease": False,
        }
        stamps = {"created_at": stamp(at), "published_at": stamp(at), "updated_at": stamp(at)}
        page = f"{self.repo.html_url}/releases/tag/{tag}"
        about |= {"body": "Demo data, made up.", "target_commitish": "main", "author": user(PEOPLE[1]), "html_url": page}
        self.repo.releases.append({**about, **stamps})
