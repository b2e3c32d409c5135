"""The fake's objects, in the shape in which GitHub's REST API gives them, and the few changes that keep them true."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
SITE = "https://github.demo.invalid"


def stamp(moment: datetime) -> str:
    """A moment as GitHub writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sha_of(text: str) -> str:
    """A made-up git id."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def user(login: str) -> Json:
    """A user as GitHub embeds one."""
    return {"login": login, "id": int(sha_of(login)[:6], 16), "type": "Bot" if login.endswith("[bot]") else "User"}


def blob_sha(text: str) -> str:
    """The id that git gives a file."""
    content = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass
class Repository:
    """One repository. Lists that GitHub shows newest first are kept oldest first here."""

    id: int
    name: str
    owner: str
    created: datetime
    private: bool = False
    archived: bool = False
    fork: bool = False
    has_issues: bool = True
    gone: bool = False
    old_names: list[str] = field(default_factory=list)
    updated: datetime | None = None
    pushed: datetime | None = None
    tip: str | None = None
    """The commit of the default branch; None while the repository is empty."""
    commits: dict[str, Json] = field(default_factory=dict)
    issues: dict[int, Json] = field(default_factory=dict)
    pulls: dict[int, Json] = field(default_factory=dict)
    pull_commits: dict[int, list[str]] = field(default_factory=dict)
    reviews: dict[int, list[Json]] = field(default_factory=dict)
    workflows: list[Json] = field(default_factory=list)
    runs: dict[int, list[Json]] = field(default_factory=dict)
    """Attempts of each run, the latest last."""
    jobs: dict[tuple[int, int], list[Json]] = field(default_factory=dict)
    deployments: dict[int, Json] = field(default_factory=dict)
    statuses: dict[int, list[Json]] = field(default_factory=dict)
    releases: list[Json] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def html_url(self) -> str:
        return f"{SITE}/{self.full_name}"

    def json(self) -> Json:
        """The repository itself."""
        return {
            "id": self.id,
            "name": self.name,
            "full_name": self.full_name,
            "owner": {"login": self.owner, "id": 1, "type": "Organization"},
            "private": self.private,
            "visibility": "private" if self.private else "public",
            "description": f"Demo data, made up: {self.name}",
            "fork": self.fork,
            "archived": self.archived,
            "disabled": False,
            "default_branch": "main",
            "language": "Python",
            "topics": ["demo"],
            "has_issues": self.has_issues,
            "size": len(self.commits),
            "stargazers_count": 3,
            "open_issues_count": sum(issue["state"] == "open" for issue in self.issues.values()),
            "html_url": self.html_url,
            "created_at": stamp(self.created),
            "updated_at": stamp(self.updated or self.created),
            "pushed_at": stamp(self.pushed or self.created),
        }

    def commit(self, sha: str, at: datetime, author: str, message: str, parents: list[str]) -> str:
        """A commit that nothing points at yet; its sha."""
        person = {"name": author.split("-")[0].title(), "email": f"{author}@demo.invalid", "date": stamp(at)}
        self.commits[sha] = {
            "sha": sha,
            "commit": {"author": person, "committer": person, "message": message, "tree": {"sha": sha_of(f"tree {sha}")}},
            "author": user(author),
            "committer": user(author),
            "parents": [{"sha": parent} for parent in parents],
            "html_url": f"{self.html_url}/commit/{sha}",
        }
        return sha

    def push(self, tip: str, at: datetime) -> None:
        """Move the default branch."""
        self.tip, self.pushed, self.updated = tip, at, at

    def reached(self, tip: str | None) -> list[Json]:
        """The commits that a commit reaches as git shows them: itself first, then the newest of those that were met."""
        found: list[Json] = []
        waiting, met = [tip] if tip else [], {tip}
        while waiting:
            sha = max(waiting, key=self.date)
            waiting.remove(sha)
            found.append(self.commits[sha])
            parents = [parent["sha"] for parent in self.commits[sha]["parents"]]
            waiting += [parent for parent in parents if parent in self.commits and parent not in met]
            met.update(parents)
        return found

    def date(self, sha: str) -> str:
        """When a commit was made."""
        return str(self.commits[sha]["commit"]["committer"]["date"])

    def issue(self, number: int, id: int, at: datetime, author: str, title: str, body: str, labels: tuple[str, ...] = ()) -> Json:
        """Open an issue."""
        self.issues[number] = {
            "id": id,
            "number": number,
            "title": title,
            "body": body,
            "user": user(author),
            "labels": [{"id": len(name), "name": name} for name in labels],
            "assignees": [user(author)],
            "milestone": None,
            "state": "open",
            "state_reason": None,
            "locked": False,
            "comments": 0,
            "author_association": "MEMBER",
            "closed_by": None,
            "html_url": f"{self.html_url}/issues/{number}",
            "created_at": stamp(at),
            "updated_at": stamp(at),
            "closed_at": None,
        }
        return self.issues[number]

    def close(self, item: Json, at: datetime, who: str) -> None:
        """Close an issue or pull request."""
        item |= {"state": "closed", "closed_at": stamp(at), "updated_at": stamp(at), "closed_by": user(who)}
        item |= {"state_reason": "completed"} if "state_reason" in item else {}

    def pull(self, number: int, id: int, at: datetime, author: str, title: str, branch: str, shas: list[str], base: str) -> Json:
        """Open a pull request of these commits."""
        self.pull_commits[number], self.reviews[number] = shas, []
        shared = self.issue(number, id + 1, at, author, title, "Demo data, made up.")
        shared |= {"pull_request": {"url": f"{self.html_url}/pull/{number}"}, "html_url": f"{self.html_url}/pull/{number}"}
        about = {"id": self.id, "full_name": self.full_name}
        names = "number title body user labels assignees milestone state locked author_association html_url created_at updated_at"
        self.pulls[number] = {
            **{name: shared[name] for name in names.split()},
            "id": id,
            "closed_at": None,
            "draft": False,
            "merged_at": None,
            "merge_commit_sha": sha_of(f"trial {id} {shas[-1]}"),
            "requested_reviewers": [],
            "head": {"ref": branch, "sha": shas[-1], "repo": about},
            "base": {"ref": "main", "sha": base, "repo": about},
        }
        return self.pulls[number]

    def touch(self, number: int, at: datetime) -> None:
        """Something happened to an issue or pull request."""
        for items in (self.issues, self.pulls):
            if number in items:
                items[number]["updated_at"] = stamp(at)

    def run(self, id: int, at: datetime, workflow: Json, event: str, branch: str, sha: str, actor: str, number: int) -> Json:
        """Queue a run in its first attempt."""
        self.runs[id] = [
            {
                "id": id,
                "name": workflow["name"],
                "workflow_id": workflow["id"],
                "path": workflow["path"],
                "display_title": self.commits[sha]["commit"]["message"].split("\n")[0] if sha in self.commits else "Run",
                "head_branch": branch,
                "head_sha": sha,
                "event": event,
                "status": "queued",
                "conclusion": None,
                "run_number": number,
                "run_attempt": 1,
                "actor": user(actor),
                "triggering_actor": user(actor),
                "html_url": f"{self.html_url}/actions/runs/{id}",
                "created_at": stamp(at),
                "run_started_at": stamp(at),
                "updated_at": stamp(at),
                "repository": {"id": self.id, "full_name": self.full_name, "private": self.private},
                "head_repository": {"id": self.id, "full_name": self.full_name},
            }
        ]
        return self.runs[id][0]

    def rerun(self, id: int, at: datetime, actor: str) -> Json:
        """A further attempt of a run."""
        latest = self.runs[id][-1]
        again = {"run_attempt": latest["run_attempt"] + 1, "status": "queued", "conclusion": None, "triggering_actor": user(actor)}
        self.runs[id].append({**latest, **again, "run_started_at": stamp(at), "updated_at": stamp(at)})
        return self.runs[id][-1]

    def work(self, attempt: Json, began: datetime, ended: datetime | None, conclusion: str | None, names: tuple[str, ...]) -> None:
        """Let an attempt begin and, with a conclusion, end. The last of its jobs concludes as the attempt does."""
        status = "completed" if conclusion else "in_progress"
        attempt |= {"status": status, "conclusion": conclusion, "updated_at": stamp(ended or began)}
        self.jobs[attempt["id"], attempt["run_attempt"]] = [
            {
                "id": attempt["id"] * 100 + attempt["run_attempt"] * 10 + position,
                "run_id": attempt["id"],
                "run_attempt": attempt["run_attempt"],
                "workflow_name": attempt["name"],
                "head_branch": attempt["head_branch"],
                "head_sha": attempt["head_sha"],
                "name": name,
                "status": status,
                "conclusion": None if not conclusion else conclusion if position == len(names) - 1 else "success",
                "labels": ["ubuntu-latest"],
                "runner_id": 7,
                "runner_name": "GitHub Actions 7",
                "html_url": f"{attempt['html_url']}/job/{position}",
                "created_at": attempt["run_started_at"],
                "started_at": stamp(began),
                "completed_at": stamp(ended) if ended else None,
            }
            for position, name in enumerate(names)
        ]

    def deploy(self, id: int, at: datetime, environment: str, sha: str, actor: str, payload: Any) -> Json:
        """Record a deployment."""
        self.statuses[id] = []
        self.deployments[id] = {
            "id": id,
            "sha": sha,
            "ref": "main",
            "task": "deploy",
            "environment": environment,
            "original_environment": environment,
            "description": f"Deploy {sha[:7]}",
            "creator": user(actor),
            "payload": payload,
            "transient_environment": False,
            "production_environment": environment == "production",
            "created_at": stamp(at),
            "updated_at": stamp(at),
        }
        return self.deployments[id]

    def status(self, deployment: Json, at: datetime, state: str) -> None:
        """A status of a deployment."""
        found = self.statuses[deployment["id"]]
        found.append(
            {
                "id": deployment["id"] * 10 + len(found),
                "state": state,
                "environment": deployment["environment"],
                "description": f"Deployment {state}",
                "creator": deployment["creator"],
                "environment_url": None,
                "log_url": f"{self.html_url}/actions",
                "target_url": f"{self.html_url}/actions",
                "created_at": stamp(at),
                "updated_at": stamp(at),
            }
        )
        deployment["updated_at"] = stamp(at)


@dataclass
class Organisation:
    """An organisation and its repositories."""

    login: str
    repositories: list[Repository] = field(default_factory=list)

    def named(self, name: str) -> Repository:
        """One of the repositories."""
        return next(repo for repo in self.repositories if repo.name == name)
