"""A stream over all repositories: several are read at once, each goes on from its own state.

The saved cursor::

    {"directory": {...},                    which repositories there are, see repositories.py
     "repositories": {"1296269": {...}},    how far each is read, see lists.py and streams.py
     "source": {...}}                       whose records these are, see origin.py
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from connectors.contract import (
    Client,
    Cursor,
    Deleted,
    Emitted,
    FieldMapping,
    Key,
    Page,
    ReconnectNeeded,
    StopStream,
    Stream,
)
from connectors.sources.github.api import GitHub, Missing
from connectors.sources.github.fetch import Records
from connectors.sources.github.lists import State
from connectors.sources.github.mapping import SAMPLE, kinds_of, mapping
from connectors.sources.github.origin import Origin, left_behind, origin, resumed, without
from connectors.sources.github.origin import before as origin_before
from connectors.sources.github.parallel import each
from connectors.sources.github.repositories import Directory, Repository
from connectors.sources.github.tables import Table

SHOWN = 5
"""Repositories that a warning names."""
_EXPECTED = {409: "is empty", 410: "has this switched off"}
"""Refusals that are no fault."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the config says of how much is read."""

    since: str | None = None
    """Nothing older than this stamp."""
    deployment_days: int = 90
    """Deployments of so many days are looked at again for new statuses."""
    page_size: int = 100


@dataclass(frozen=True, slots=True)
class Only:
    """Where ``columns`` have one of ``values``, GitHub has the records of these ``keys`` and no others."""

    columns: tuple[str, ...]
    values: Sequence[tuple[Any, ...]]
    keys: frozenset[Key]


@dataclass(slots=True)
class Step:
    """What one look at a repository brought, with the state that is reached once it is loaded."""

    records: Records = field(default_factory=Records)
    state: State | None = None
    only: Only | None = None
    gone: Sequence[Key] = ()


class GitHubStream(Stream):
    """One table of all repositories."""

    cursor_field = "at"
    write_mode = "merge"
    batch_size = 5_000
    table: ClassVar[Table]
    permission: ClassVar[str] = "Metadata"
    """What a fine-grained token or an App needs for this, to read."""
    whole: ClassVar[bool] = False
    """A look that finds a change reads all records of the repository."""
    belongs: ClassVar[str] = "repository_id"
    """The column that names a row's repository."""

    def __init__(self, make: Callable[[Client], GitHub], directory: Directory, scope: Scope) -> None:
        self.github, self.directory, self.scope = make, directory, scope
        self.name, self.target, self.primary_key = self.table.name, self.table.target, self.table.key
        self.version, self.keep_raw, self.schema = self.table.version, self.table.keep_raw, self.table.columns
        self.vendor_name = self.table.endpoint
        self._seen: dict[str, str] = {}
        self._looked_at = 0

    @abstractmethod
    def look(self, github: GitHub, repo: Repository, state: State) -> Iterator[Step]:
        """What is new in a repository since ``state`` ({}: everything). Runs in a thread, where there is no ``loaded``."""

    def read(self, client: Client, since: Cursor | None) -> Iterator[Emitted]:
        """All repositories, several at once."""
        github = self.github(client)
        began = client.loaded.now() if client.loaded else None
        cursor, moved = self._resume(github, client, since)
        repositories, _, directory, lost = self.directory.read(github, cursor.get("directory", {}))
        reached = {**cursor, "directory": directory, "repositories": cursor.get("repositories", {})}
        if moved:
            reached, gone = self._move(client, reached, moved, [repo.id for repo in repositories], bool(lost))
            yield Deleted(gone, reached)
        refused: dict[str, Missing] = {}
        full = client.mode == "full" and not self.scope.since
        listed = [repo.id for repo in repositories]
        work = self._work(github, self.agreed(client, reached["repositories"], listed), full)
        with github.threads():
            try:
                for result in each(repositories, work, github.concurrency, client):
                    if result is None:  # waiting for a limit, perhaps for long
                        yield Deleted((), reached)
                        continue
                    repo, found = result
                    state = found.state if isinstance(found, Step) else self._refused(repo, found, refused)
                    if state is not None:
                        state = self.stamped(client, state)
                        reached = {**reached, "repositories": {**reached["repositories"], str(repo.id): state}}
                    if isinstance(found, Step):
                        yield from self._emit(client, found, reached, began)
            except (StopStream, ReconnectNeeded):
                yield Deleted((), reached)  # what was read so far is kept
                raise
        reached = {name: value for name, value in reached.items() if name != "anew"}
        if reached != since:
            yield Deleted((), reached)
        self._tell(client, refused, len(repositories))

    def agreed(self, client: Client, states: Mapping[str, State], listed: Sequence[int]) -> Mapping[str, State]:
        """The states of the ``listed`` repositories as far as what is loaded bears them out: webhooks load the same rows."""
        return states

    def stamped(self, client: Client, state: State) -> State:
        """The state as it is kept."""
        return state

    def _resume(self, github: GitHub, client: Client, since: Cursor | None) -> tuple[Cursor, Origin | None]:
        """The cursor to go on from, and where the loaded rows came from if that was somewhere else."""
        now = origin(github, self.directory)
        was = origin_before(client, since, now)
        cursor = resumed(since, was, now)
        self.version = () if "anew" in cursor else self.table.version  # stamps of two servers do not order
        return cursor, was if was != now else None

    def _move(self, client: Client, reached: Cursor, was: Origin, listed: Sequence[int], lost: bool) -> tuple[Cursor, list[Key]]:
        """The cursor after a change of the config, and the keys of what it leaves behind: all of another server's.

        Where GitHub does not give a name of the config (``lost``), nothing can be told yet: the next run looks again.
        """
        if was["server"] != reached["source"]["server"]:
            client.log.warning("It was %s that was read before: reading everything anew", was["server"])
            return reached, left_behind(client, self.belongs, ())
        if lost:
            return {**reached, "source": was}, []
        kept = without(reached.get("repositories", {}), listed)
        return {**reached, "repositories": kept}, left_behind(client, self.belongs, listed)

    def _work(self, github: GitHub, states: Mapping[str, State], full: bool) -> Callable[[Repository], Iterator[Step]]:
        def work(repo: Repository) -> Iterator[Step]:
            state = states.get(str(repo.id), {})
            if state.get("refused") == repo.stamp:
                return
            state = {} if "refused" in state else state
            complete = self.whole or (full and not state)
            seen: set[Key] = set()
            looked = False
            for step in self.look(github, repo, state):
                looked = True
                if complete:
                    seen.update(map(self.table.key_of, step.records.rows))
                yield step
            if complete and looked:
                yield Step(only=self.only_these(repo, seen))

        return work

    def only_these(self, repo: Repository, keys: set[Key]) -> Only:
        """The repository has the records of these keys and no others."""
        return Only(("repository_id",), [(repo.id,)], frozenset(keys))

    def _refused(self, repo: Repository, error: Missing, refused: dict[str, Missing]) -> State | None:
        """What is empty or switched off need not be asked again until the repository changes."""
        refused[repo.full_name] = error
        return {"refused": repo.stamp} if error.status in _EXPECTED else None

    def _emit(self, client: Client, step: Step, reached: Cursor, began: datetime | None) -> Iterator[Emitted]:
        if step.records.rows:
            yield self.page(step.records, reached)
        gone = list(step.gone)
        if step.only and client.loaded:
            there = client.loaded.matching(step.only.columns, step.only.values, before=began)
            gone += [key for key in there if key not in step.only.keys]
        if gone:
            yield Deleted(gone, reached)

    def page(self, found: Records, reached: Cursor | None = None) -> Page:
        """The records as a page; the first ones of a run tell which fields GitHub gives."""
        room = max(0, SAMPLE - self._looked_at)
        self._seen = kinds_of(found.raws[:room], self._seen)
        self._looked_at += len(found)
        return Page(self.table.batch(found.rows, found.raws), reached)

    def fields(self) -> Sequence[FieldMapping] | None:
        """The fields of GitHub's objects and the columns that they become; None where nothing was read."""
        return mapping(self.table, self._seen) if self._looked_at else None

    def _tell(self, client: Client, refused: Mapping[str, Missing], count: int) -> None:
        """One line for each reason why repositories could not be read."""
        reasons: dict[tuple[int, str], list[str]] = {}
        for name, error in refused.items():
            reasons.setdefault((error.status, str(error)), []).append(name)
        for (status, said), names in reasons.items():
            shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
            if status in _EXPECTED:
                client.log.info("Nothing to read as %s of %s: %s", self.name, shown, said)
            elif status == 403 and len(names) == count:
                raise StopStream(f"GitHub refuses {self.name} ({said}): give the token the right to read {self.permission}")
            elif status == 403:
                client.log.warning("GitHub refuses %s of %s (%s); what is loaded of it stays", self.name, shown, said)
            else:
                client.log.warning(
                    "GitHub no longer gives %s of %s (%s): deleted, or hidden from the token; what is loaded of it stays",
                    self.name,
                    shown,
                    said,
                )
