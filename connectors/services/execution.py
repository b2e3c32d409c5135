"""What a worker does: plan a run into streams, run a stream under a lease, write how it ended."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now

from connectors.contract import Client, Source, SourceError, Stream, SyncMode
from connectors.engine.client import build_client
from connectors.engine.context import Counts, Progress, StreamContext
from connectors.engine.errors import Cancelled, EngineError, LeaseLost
from connectors.engine.lease import Heartbeat, RunLogHandler, claim
from connectors.engine.process import parse
from connectors.errors import ConfigInvalid, ConnectorError
from connectors.models import OPEN, ConnectorRun, RunStream, Status
from connectors.services.configs import source_of, with_uploads
from connectors.services.fields import keep_fields
from connectors.services.follow import follow_run
from connectors.services.runs import close_if_done, fail_run, reap_lost
from ipai.vault.errors import VaultError
from ipai.vault.redaction import safe_line

log = logging.getLogger(__name__)
WAIT_SECONDS = 0.2
"""Between looks at streams that a worker has taken."""
Watch = Callable[[RunStream, Progress], None]


def plan_run(run_id: UUID) -> list[int]:
    """Ask the source for its streams and make each a row of its own; the rows' ids, [] when somebody else did.

    Safe to run twice: only one planner moves the run from queued to running.
    """
    run = ConnectorRun.objects.select_related("connector__tenant").filter(pk=run_id, status=Status.QUEUED).first()
    if run is None:
        return []
    known: Mapping[str, str] = {}
    try:
        source, known = source_of(run.connector)
        with scratch_folder(run.pk) as scratch:
            streams = _streams(source, run, scratch)
    except (SourceError, ConnectorError, VaultError) as error:
        fail_run(run_id, safe_line(str(error), known.values()))
        return []
    except Exception as error:  # a bug in a source must end the run, not leave it queued for ever
        log.exception("Run %s could not be planned", run_id)
        fail_run(run_id, f"The source failed with {type(error).__name__}; {_details(run)}")
        return []
    with transaction.atomic():
        if not ConnectorRun.objects.filter(pk=run_id, status=Status.QUEUED).update(status=Status.RUNNING, started_at=Now()):
            return []
        rows = [RunStream(run=run, stream=stream.name, target=stream.target, metadata=_about(stream)) for stream in streams]
        for row in rows:
            row.save()
        close_if_done(run_id)
    return [row.pk for row in rows]


def _about(stream: Stream) -> dict[str, object]:
    """What is known of a stream before it is read."""
    named = {"vendor_name": stream.vendor_name} if stream.vendor_name else {}
    return {"write_mode": stream.write_mode, "proves": type(stream).prove is not Stream.prove, **named}


def execute_run(run_id: UUID, watch: Watch | None = None) -> ConnectorRun:
    """Plan and run everything in this process, stream after stream; returns the ended run. Workers may take streams too."""
    plan_run(run_id)
    while (run := ConnectorRun.objects.select_related("connector").get(pk=run_id)).status in OPEN:
        waiting = list(run.streams.filter(status=Status.QUEUED).values_list("pk", flat=True))
        for run_stream_id in waiting:
            execute_stream(run_stream_id, watch)
        if not waiting:
            time.sleep(WAIT_SECONDS)
            reap_lost(run.connector)
    follow_run(run_id)
    return run


def execute_stream(run_stream_id: int, watch: Watch | None = None, stream: Stream | None = None) -> bool:
    """Run one stream, if nobody else does: whether it was run here. Everything that goes wrong ends up in the stream's row.

    ``stream`` is read instead of the source's own: what webhooks told.
    """
    token = claim(run_stream_id)
    if token is None:
        return False
    row = RunStream.objects.select_related("run__connector__tenant").get(pk=run_stream_id)
    run = row.run
    try:
        source, secrets = source_of(run.connector)
    except (ConnectorError, VaultError) as error:
        end_stream(row, token, Status.FAILED, str(error))
        return True
    lines = RunLogHandler(run.pk, row.stream, secrets.values())
    logger = logging.Logger(f"run.{run.pk}.{row.stream}", logging.INFO)
    logger.addHandler(lines)
    progress = Progress(rows=row.rows_read)
    settling = row.stream in run.metadata.get("settling", ())
    heartbeat = Heartbeat(run_stream_id, token, progress, lines)
    heartbeat.start()
    try:
        with scratch_folder(run.pk) as scratch, source_client(run, scratch, logger, heartbeat.stopping) as client:
            context = StreamContext(
                connector_id=run.connector_id,
                tenant_id=run.connector.tenant.id,
                run_id=run.pk,
                run_stream_id=row.pk,
                lease_token=token,
                mode=client.mode,
                client=client,
                log=logger,
                progress=progress,
                stopping=heartbeat.stopping,
                counts=counts_before(row),
                settling=settling,
            )
            status, message = _run(context, source, row, secrets, watch, stream)
    finally:
        heartbeat.finish()
    logger.log(logging.ERROR if status == Status.FAILED else logging.INFO, message or f"Stream {row.stream} ended: {status}")
    end_stream(row, token, status, message, context, lines)
    return True


def _run(
    context: StreamContext,
    source: Source,
    row: RunStream,
    secrets: Mapping[str, str],
    watch: Watch | None,
    given: Stream | None,
) -> tuple[Status, str]:
    """Run the engine; how the stream ended and, when badly, one line that says why."""
    from connectors.engine.extract import run_stream
    from connectors.engine.loaded import LoadedRows

    if watch:
        watch(row, context.progress)
    try:
        context.stream = stream = _stream(source, row.stream, context.client) if given is None else given
        if stream.primary_key:
            context.client.loaded = LoadedRows(stream.target, stream.primary_key, context.connector_id)
        run_stream(context)
        context.counts.check()
    except Cancelled:
        return Status.CANCELLED, "Cancelled; what was committed stays"
    except LeaseLost:
        return Status.FAILED, "Another worker took over, or the database was away longer than the lease"
    except (SourceError, EngineError, ConnectorError) as error:
        return Status.FAILED, safe_line(str(error), secrets.values())
    except (OperationalError, InterfaceError) as error:
        connection.close()
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        return Status.FAILED, safe_line(f"The database refused or went away: {reason[0]}", secrets.values())
    except OSError as error:
        return Status.FAILED, safe_line(
            f"The disk or network of this machine failed: {error.strerror or type(error).__name__}", secrets.values()
        )
    except Exception as error:  # a bug: the run must end and say where to look
        log.error("Stream %s of run %s failed", row.stream, row.run_id, exc_info=_without_values(error))
        return Status.FAILED, f"Unexpected {type(error).__name__}; {_details(row.run)}"
    return Status.SUCCESS, ""


def counts_before(row: RunStream) -> Counts:
    """What the stream has counted already: something when it settles."""
    return Counts(**{name: getattr(row, f"rows_{name}") for name in asdict(Counts())})


def _details(run: ConnectorRun) -> str:
    """Where the traceback is: a command writes it to its own error output, a worker to its log."""
    held = parse(run.metadata.get("process", ""))
    return f"the details are on the error output of the command ({held})" if held else "the worker's log has the details"


def _joined_warnings(row: RunStream, lines: RunLogHandler | None) -> list[str]:
    """What the stream warned of, also before it was compared once more."""
    return list(dict.fromkeys([*row.metadata.get("warnings", []), *(lines.warnings if lines else [])]))


def end_stream(
    row: RunStream,
    token: UUID,
    status: Status,
    message: str,
    context: StreamContext | None = None,
    lines: RunLogHandler | None = None,
) -> None:
    """Write how the stream ended, if this worker still holds it. Outlasts a restart of the database."""
    what: dict[str, object] = {"status": status, "ended_at": Now(), "lease_token": None, "error_message": message, "progress": {}}
    if context:
        what |= {f"rows_{name}": count for name, count in asdict(context.counts).items()}
        what["metadata"] = row.metadata | context.metadata() | {"warnings": _joined_warnings(row, lines)}
    deadline = time.monotonic() + settings.IPAI_LEASE_SECONDS
    while True:
        try:
            with transaction.atomic():
                ConnectorRun.objects.select_for_update().get(pk=row.run_id)
                keep_fields(row, context.stream if context else None)
                RunStream.objects.filter(pk=row.pk, lease_token=token, status=Status.RUNNING).update(**what)
                close_if_done(row.run_id)
            if lines:
                lines.write()
            return
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _streams(source: Source, run: ConnectorRun, scratch: Path) -> list[Stream]:
    with source_client(run, scratch, log, lambda: False) as client:
        streams = list(source.streams(client))
    unknown = set(run.only_streams) - {stream.name for stream in streams}
    if unknown:
        there = ", ".join(stream.name for stream in streams)
        raise ConfigInvalid({"stream": f"There is no stream {', '.join(sorted(unknown))}; there is {there}"})
    return [stream for stream in streams if not run.only_streams or stream.name in run.only_streams]


def _stream(source: Source, name: str, client: Client) -> Stream:
    for stream in source.streams(client):
        if stream.name == name:
            return stream
    raise ConfigInvalid({"stream": f"The source no longer has a stream {name}"})


@contextmanager
def source_client(run: ConnectorRun, scratch: Path, logger: logging.Logger, stopping: Callable[[], bool]) -> Iterator[Client]:
    """What the source gets for this run; its connections are closed afterwards."""
    mode: SyncMode = "full" if run.mode == "full" else "incremental"
    client = with_uploads(build_client(str(run.pk), scratch, logger, stopping, mode), run.connector)
    try:
        yield client
    finally:
        client.http.close()


@contextmanager
def scratch_folder(run_id: UUID) -> Iterator[Path]:
    """A private folder for snapshots and spools, gone afterwards; leftovers of dead workers are swept here too."""
    settings.IPAI_SPOOL_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep_scratch()
    with tempfile.TemporaryDirectory(prefix=f"{run_id}-", dir=settings.IPAI_SPOOL_DIR, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def sweep_scratch(older_than: float = 24 * 3600) -> None:
    """Delete scratch folders that a killed worker left behind a day ago or earlier."""
    for folder in settings.IPAI_SPOOL_DIR.iterdir():
        try:
            if folder.stat().st_mtime < time.time() - older_than:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue


def _without_values(error: BaseException) -> BaseException:
    """The error with its traceback but without its text, which may hold a row's values or a secret."""
    return RuntimeError(f"{type(error).__name__} (text withheld)").with_traceback(error.__traceback__)
