"""Run a connector now, in this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser
from django.db import connection

from connectors import queries, services
from connectors.errors import ConnectorError, NotRunnable
from connectors.management.base import CLI, ConnectorCommand
from connectors.models import ConnectorRun, RunStream, Status

if TYPE_CHECKING:
    from connectors.engine.context import Progress


class Command(ConnectorCommand):
    help = "Runs a connector now with a progress bar; the summary comes last. Ctrl-C cancels the run."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name")
        parser.add_argument("--mode", choices=["full", "incremental"], default="incremental")
        parser.add_argument("--stream", action="append", default=[], help="only this stream; may be repeated")

    def handle(self, *_: Any, **options: Any) -> None:
        connector = self.connector(options["name"], options["tenant"])
        try:
            run = services.queue_run(
                connector=connector, mode=options["mode"], actor=CLI, streams=options["stream"], send_to_worker=False
            )
        except ConnectorError as error:
            raise self.refused(error) from None
        with cancelled_by_signals(run), progress_bar(self.interactive(options)) as watch:
            run = services.execute_run(run.pk, watch)
        self.answer(options, queries.run_detail(run), summary(run))
        if run.status != Status.SUCCESS:
            raise SystemExit(1)


def summary(run: ConnectorRun) -> str:
    """The run as a small table for people."""
    names = ("read", "written", "updated", "unchanged", "deleted", "rejected")
    lines = [f"Run {run.pk} {run.status}: {queries.run_words(run)}"]
    lines += [
        f"  {stream.stream} -> {stream.target}: " + ", ".join(f"{getattr(stream, f'rows_{name}'):,} {name}" for name in names)
        for stream in run.streams.all()
    ]
    lines += [f"  warning: {line}" for line in run.metadata.get("warnings", [])]
    return "\n".join(lines)


@contextmanager
def cancelled_by_signals(run: ConnectorRun) -> Iterator[None]:
    """Ctrl-C and SIGTERM cancel the run, so that it ends properly; a second one ends the process."""

    def cancel() -> None:
        try:
            services.cancel_run(CLI, run)
        except NotRunnable:
            pass
        finally:
            connection.close()

    def on_signal(number: int, _: FrameType | None) -> None:
        for each in before:
            signal.signal(each, before[each])
        threading.Thread(target=cancel, name="cancel").start()  # this thread may be inside a COPY

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each in before:
        signal.signal(each, on_signal)
    try:
        yield
    finally:
        for each in before:
            signal.signal(each, before[each])


@contextmanager
def progress_bar(wanted: bool) -> Iterator[services.Watch | None]:
    """A bar on stderr that follows the stream's progress, when a person is looking."""
    if not wanted:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:>12,} rows"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        ended = threading.Event()

        def watch(stream: RunStream, progress: Progress) -> None:
            task = bar.add_task(stream.stream, total=None, rows=0)

            def follow() -> None:
                while not ended.wait(0.2):
                    now = progress.as_dict()
                    bar.update(task, completed=now.get("bytes") or 0, total=now.get("bytes_total"), rows=now.get("rows") or 0)

            threading.Thread(target=follow, daemon=True, name="progress").start()

        try:
            yield watch
        finally:
            ended.set()
