"""The raw baselines: psycopg COPY of the same rows into a typed table, nothing else. Run as processes of their own."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psycopg
from psycopg import sql

from bench.data import COLUMNS

BLOCK = 1 << 18
_TABLE = sql.Identifier("ipai_bronze_core", "bench_raw")


def _definitions() -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in COLUMNS.items())


def _copy(cursor: psycopg.Cursor, into: sql.Composable, path: Path) -> None:
    with path.open("rb") as source, cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT csv, HEADER)").format(into)) as copy:
        while block := source.read(BLOCK):
            copy.write(block)


def copy_seconds(url: str, path: Path, keyed: bool = False) -> float:
    """Wall seconds of CREATE TABLE + COPY of a CSV in one transaction (so it skips the WAL where the server allows it)."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_TABLE))
        connection.commit()
        started = time.perf_counter()
        cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(_TABLE, _definitions()))
        _copy(cursor, _TABLE, path)
        connection.commit()
        seconds = time.perf_counter() - started
        if keyed:
            cursor.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(_TABLE))
    return seconds


def merge_seconds(url: str, path: Path) -> float:
    """Wall seconds of COPY to a temporary table + INSERT ON CONFLICT DO UPDATE into the table of ``copy_seconds(keyed)``."""
    others = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in COLUMNS if name != "id")
    stage = sql.Identifier("bench_stage")
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        started = time.perf_counter()
        cursor.execute(sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP").format(stage, _definitions()))
        _copy(cursor, stage, path)
        cursor.execute(sql.SQL("INSERT INTO {} SELECT * FROM {} ON CONFLICT (id) DO UPDATE SET {}").format(_TABLE, stage, others))
        connection.commit()
        return time.perf_counter() - started


def drop(url: str) -> None:
    """Remove the baseline's table."""
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_TABLE))


if __name__ == "__main__":
    what, url, file = sys.argv[1:]
    print(merge_seconds(url, Path(file)) if what == "merge" else copy_seconds(url, Path(file), keyed=what == "keyed"))
