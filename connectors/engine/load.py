"""One transaction of a stream: batches into the target table, with everything that must be committed beside them.

The COPY starts while the source is still being read, with the types seen so far. When a later batch needs a wider
column, the copied rows are rolled back to a savepoint, the source is read (and inferred) to its end, and all is
copied again from the spool: the source itself is read once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
from psycopg import sql

from connectors.contract import KIND, RAW, Rejected, StopStream
from connectors.contract import Cursor as Reached
from connectors.engine import merge, shared, state, tables
from connectors.engine.admit import Admission, key_columns
from connectors.engine.context import Counts, StreamContext
from connectors.engine.copying import Copier
from connectors.engine.encode import Constant
from connectors.engine.infer import Inference
from connectors.engine.rejects import Rejects
from connectors.engine.slices import slices
from connectors.engine.spool import Spool
from connectors.engine.tables import Cursor
from connectors.engine.transact import delete_rows, one_transaction, total_up

HEAD = 4
"""Batches that are looked at before the COPY starts, unless the vendor tells the types: fewer columns then turn out wider later."""


@dataclass(slots=True)
class Unit:
    """What one transaction loads. ``part`` is the name and cursor of a part; records have none."""

    items: Iterator[pa.RecordBatch | Rejected]
    place: Callable[[int], str]
    part: tuple[str, Reached | None] | None = None
    clear: bool = False
    """Delete the connector's rows first: replace of records."""
    strict: bool = True
    """A malformed row stops the load under evolve and freeze. False: the source skipped it on purpose."""
    on_commit: Callable[[Cursor], None] = field(default=lambda cursor: None)
    """Writes the stream's cursor inside the transaction."""
    seen: Spool | None = None
    """Collects the keys met, for full merges."""
    first_key: int | None = None
    """The lowest key, where keys are one integer column and ascend strictly."""


def load(context: StreamContext, unit: Unit) -> Counts:
    """Load the unit whole or not at all; its counts, which are in ``context.counts`` too once committed."""
    work = _Load(context, unit)
    try:
        with one_transaction() as cursor:
            return work.run(cursor)
    finally:
        work.close()


class _Load:
    def __init__(self, context: StreamContext, unit: Unit) -> None:
        self.context, self.unit, self.stream = context, unit, context.stream
        self.table = tables.target(self.stream.target)
        self.spool = Spool(context.client.scratch)
        self.rejects = Rejects(context.client.scratch / f"rejected-{context.run_stream_id}.tsv", context.run_id, self.stream.name)
        self.counts = Counts()
        self.changes: list[str] = []
        self._brought: dict[str, None] = {}
        self.old: list[int] = []
        self.key: tuple[str, ...] = ()
        self.fixed = False
        self.extracting = 0.0
        self.inference: Inference | None = None
        self.copier: Copier | None = None
        merges = self.stream.write_mode == "merge" or (unit.clear and unit.part is None)
        self.merging = merges and bool(self.stream.primary_key)
        self.staged = self.merging
        """Rows go through a stage. Not when all rows of the table have lower keys: then these are new."""

    def close(self) -> None:
        if self.copier:
            self.copier.close()
        self.spool.close()
        self.rejects.close()

    def run(self, cursor: Cursor) -> Counts:
        started = time.perf_counter()
        self.table.read(cursor)
        self.fixed = self.table.exists and self.stream.schema_policy != "evolve"
        self.inference = Inference(self.table.columns, self.stream.schema)
        self.admission = Admission(self.inference, self.stream.schema_policy, self.fixed, ())
        self.misfits = shared.misfits(cursor, self.table, self.stream, self.context.connector_id)
        for misfit in self.misfits:
            self.context.warn_once(f"Field {misfit.name} stays in _raw: {misfit}")
        row = cursor.execute("SELECT now()").fetchone()
        assert row is not None
        context = self.context
        self.constants: dict[str, Constant] = {
            "_connector_id": context.connector_id,
            "_tenant_id": context.tenant_id,
            "_run_id": context.run_id,
            "_loaded_at": row[0],
        }
        self._retire(cursor)
        # Where states have versions, others may load the same records meanwhile: new a moment ago is not new now.
        self.staged = self.merging and (bool(self.stream.version) or not self._all_new(cursor))
        cursor.execute("SAVEPOINT ipai_copy")
        rows = self._copy(cursor)
        context.progress.phase = "committing"
        self._settle(cursor, rows)
        self._commit(cursor, time.perf_counter() - started)
        return self.counts

    def _all_new(self, cursor: Cursor) -> bool:
        """Whether all rows of the table have lower keys; these are then copied straight in."""
        if self.unit.first_key is None:
            return False
        if self.unit.clear or not self.table.exists:
            return True
        key = self.stream.primary_key[0]
        if key not in self.table.columns:
            return False
        cursor.execute("SAVEPOINT ipai_look")
        found = cursor.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE _connector_id = %s AND {} >= %s)").format(
                self.table.identifier, sql.Identifier(key)
            ),
            [self.context.connector_id, self.unit.first_key],
        ).fetchone()
        cursor.execute("ROLLBACK TO SAVEPOINT ipai_look")  # lets go of the table: its columns may have to be changed
        return not (found and found[0])

    def _retire(self, cursor: Cursor) -> None:
        """Name the part, and note which older loads of it these rows replace."""
        if self.unit.part is None:
            return
        name, version = self.unit.part
        if self.stream.write_mode == "replace":
            self.old = state.retire_parts(cursor, self.context, name)
        elif self.stream.write_mode == "append" and version is not None:
            self.old = state.retire_parts(cursor, self.context, name, version)
        elif self.stream.write_mode == "merge":
            state.retire_parts(cursor, self.context, name)
        self.constants["_part"] = state.new_part(cursor, self.context, name, version)

    def _delete_replaced(self, cursor: Cursor) -> None:
        """Take away the rows that the new ones replace. After the table was made to fit: a load that held rows of it while
        it waits to change its columns would wait for another that does the same.
        """
        connector = self.context.connector_id
        if self.unit.clear:
            self.counts.deleted = delete_rows(cursor, self.table, "_connector_id = %s", [connector])
        elif self.old:
            condition = "_connector_id = %s AND _part = ANY (%s)"
            self.counts.deleted = delete_rows(cursor, self.table, condition, [connector, self.old])

    def _copy(self, cursor: Cursor) -> int:
        """Copy while reading; again from the spool when a type had to be widened meanwhile. Rows that the server took."""
        inference, late = self.inference, False
        assert inference is not None
        version, batches = -1, 0
        head = 1 if self.stream.schema else HEAD
        for batch in self._admitted():
            self.spool.add(batch)
            batches += 1
            if late or batches < head:
                continue
            if self.copier is None:
                self._start(cursor)
                version = inference.version
                for waiting in self.spool.batches():
                    self._send(waiting)
            elif inference.version != version:
                self.copier.close()
                self.copier, late = None, True
                self.context.log.info("A later value widens a column: the rows are copied again from the spool")
            else:
                self._send(batch)
        if not self._brought and not self.counts.read and self.unit.part:
            self.context.log.warning("%s is an empty file: nothing was loaded from it", self.unit.part[0])
        if not inference.columns:
            return 0  # a table without a column is no use to anybody
        if self.copier is None:
            if late:
                cursor.execute("ROLLBACK TO SAVEPOINT ipai_copy")
                self.changes.clear()
            self.context.progress.phase = "loading"
            self._start(cursor)
            for batch in self.spool.batches():
                self.context.check_stop()
                self._send(batch)
        assert self.copier is not None
        return self.copier.finish()

    def _send(self, batch: pa.RecordBatch) -> None:
        assert self.copier is not None
        if batch.num_rows:
            self.copier.add(batch)

    def _start(self, cursor: Cursor) -> None:
        """Make the table fit and open the way into it (or into the stage, for a merge)."""
        assert self.inference is not None
        meta = {"_part", "_row"} if self.unit.part else set()
        meta |= {"_raw"} if self.stream.keep_raw else set()
        columns = [c for c in self.inference.columns.values() if not self.fixed or c.name in self.table.columns]
        self.changes += tables.reconcile(
            cursor, self.table, columns, meta, self._row_key, self.context.tenant_id, self.context.stopping
        )
        self._delete_replaced(cursor)
        kinds = self.table.columns | {"_row": "bigint", "_raw": "jsonb"}
        if not self.staged:
            if self.merging:
                tables.ensure_key(cursor, self.table, self._row_key)
            self.copier = Copier(cursor, self.table.identifier, kinds, self.constants)
            return
        wanted = {c.name for c in columns} | {"_row"} | (meta & {"_raw"})
        merge.make_stage(cursor, merge.STAGE, {name: kind for name, kind in kinds.items() if name in wanted})
        self.copier = Copier(cursor, merge.STAGE, kinds, {})

    @property
    def _row_key(self) -> tuple[str, ...]:
        """What identifies a row of the table; empty for records that are only appended."""
        if self.merging:
            return ("_connector_id", *self.key)
        return ("_connector_id", "_part", "_row") if self.unit.part else ()

    def _admitted(self) -> Iterator[pa.RecordBatch]:
        """The batches to load: renamed, checked, numbered, their types observed."""
        first = 0
        while True:
            self.context.check_stop()
            started = time.perf_counter()
            item = next(self.unit.items, None)
            self.extracting += time.perf_counter() - started
            if item is None:
                self._check_key()
                return
            if isinstance(item, Rejected):
                self._malformed(item)
                continue
            for batch in slices(item):
                yield self._admit(batch, first)
                first += batch.num_rows
                self.context.progress.rows += batch.num_rows
                self.context.progress.bytes += batch.nbytes

    def _check_key(self) -> None:
        """A key that no record has is a mistake in the config, not in the records: the part must not count as loaded."""
        lacking = [name for name in self.key if self.merging and name not in self._brought]
        if lacking and self._brought:
            raise StopStream(f"There is no column {lacking[0]} for the primary key; there is {', '.join(self._brought)[:300]}")

    def _admit(self, batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
        inference = self.inference
        assert inference is not None
        self.counts.read += batch.num_rows
        numbers = pa.arange(first + 1, first + 1 + batch.num_rows)
        raw = None
        if len(batch.schema) and (batch.schema.field(batch.num_columns - 1).metadata or {}).get(b"ipai.raw") == RAW[b"ipai.raw"]:
            raw, batch = batch.column(batch.num_columns - 1), batch.remove_column(batch.num_columns - 1)
        batch = shared.emptied(batch, self.misfits)
        header = batch.schema.names
        batch = inference.renamed(batch)
        if self.merging:
            self.key = self.admission.key = key_columns(inference, self.stream.primary_key)
        batch, mask = self.admission.check(batch, header, lambda row: self.unit.place(first + row), self.rejects.add)
        if mask is not None:
            numbers, raw = numbers.filter(mask), raw if raw is None else raw.filter(mask)
        if not self.fixed:
            inference.observe(batch)
        self._brought.update(dict.fromkeys(batch.schema.names))
        if self.unit.seen is not None and batch.num_rows:
            self.unit.seen.add(batch.select(list(self.key)))
        if self.unit.part or self.staged:
            batch = batch.append_column(pa.field("_row", pa.int64()), numbers)
        if raw is not None:
            batch = batch.append_column(pa.field("_raw", pa.string(), metadata={KIND: b"json"}), raw)
        return batch

    def _malformed(self, rejected: Rejected) -> None:
        self.counts.read += 1
        if self.unit.strict and self.stream.schema_policy in ("evolve", "freeze"):
            raise StopStream(f"{rejected.place}: {rejected.reason} (schema_policy discard_row would reject the record and go on)")
        self.rejects.add(rejected)

    def _settle(self, cursor: Cursor, rows: int) -> None:
        """Merge, keys, rejected records: what follows the COPY."""
        counts, extra = self.counts, ["_row"] if self.unit.part else []
        if self.staged and rows:
            tables.ensure_key(cursor, self.table, self._row_key)
            data = list(self._brought)
            raw = ["_raw"] if self.stream.keep_raw else []
            compared = data + raw if self.stream.compares_raw else data
            extra += [] if self.stream.compares_raw else raw
            merged = merge.merge(cursor, self.table, self.key, compared, extra, self.constants, rows, self.stream.version)
            counts.written, counts.updated, counts.unchanged = merged.written, merged.updated, merged.unchanged
            counts.deduplicated = rows - merged.distinct
        else:
            counts.written = rows
            if self.table.created and self._row_key and not self.merging:
                tables.ensure_key(cursor, self.table, self._row_key)
        self.rejects.store(cursor)
        counts.rejected = self.rejects.count

    def _commit(self, cursor: Cursor, elapsed: float) -> None:
        context = self.context
        if self.unit.part:
            state.part_rows(
                cursor, int(str(self.constants["_part"])), self.counts.written + self.counts.updated + self.counts.unchanged
            )
        context.seconds["extract"] += self.extracting
        context.seconds["load"] += elapsed - self.extracting
        context.schema_changes += self.changes
        context.discarded_values += self.admission.discarded_values
        self.unit.on_commit(cursor)
        state.save_columns(cursor, context, self._brought)
        total_up(context, cursor, self.counts)
