"""The benchmark's data: the same rows as CSV, Parquet and JSON Lines, made from a fixed seed.

18 columns with what breaks loaders: unicode, quotes, newlines, commas, leading zeros, exact decimals, timestamps
with and without zone, uuids, a nested json column and nulls. 1M rows are about 308 MB of CSV.
"""

from __future__ import annotations

import csv
import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

CHUNK = 20_000
KINDS = ("csv", "parquet", "jsonl")
WORDS = (
    *("invoice", "Überweisung", "naïve", "東京", "заказ", "مرحبا", "café", "payment-terms", "refund", "O'Brien"),
    *('"quoted"', "a,b;c"),
    *("ledger", "€uro", "🚚", "parcel", "north", "wharf", "quarterly", "résumé", "smørrebrød", "credit", "balance", "due"),
    *("receivable", "customer", "supplier"),
)
STATUS = ("draft", "posted", "paid", "cancelled", "in_payment")
COLUMNS: dict[str, str] = {
    "id": "bigint",
    "reference": "text",
    "customer_code": "text",
    "customer_name": "text",
    "description": "text",
    "quantity": "bigint",
    "unit_price": "numeric",
    "amount": "numeric",
    "tax_rate": "numeric",
    "account_id": "bigint",
    "invoice_date": "date",
    "created_at": "timestamp",
    "updated_at": "timestamptz",
    "external_id": "uuid",
    "is_paid": "boolean",
    "status": "text",
    "attributes": "jsonb",
    "note": "text",
}


def rows(count: int, first: int = 1, seed: int = 7) -> Iterator[dict[str, Any]]:
    """``count`` records with ids from ``first``; the same arguments give the same records."""
    rng = random.Random(f"{seed}:{first}")
    day, moment = date(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(first, first + count):
        pick = rng.getrandbits(64)
        quantity = pick % 500
        price = Decimal(rng.randrange(1, 9_999_999)).scaleb(-4)
        words = [WORDS[(pick >> shift) % len(WORDS)] for shift in range(0, 48, 6)]
        created = moment + timedelta(microseconds=pick % (5 * 365 * 86400 * 10**6))
        yield {
            "id": number,
            "reference": f"INV/{2020 + pick % 6}/{number:07d}",
            "customer_code": f"{pick % 1_000_000:08d}",
            "customer_name": f"{words[0]} {words[1]} {number % 9973}",
            "description": ("\n" if pick % 11 == 0 else " ").join(words[2:5]),
            "quantity": quantity if pick % 17 else None,
            "unit_price": price,
            "amount": (price * quantity).quantize(Decimal("0.01")),
            "tax_rate": Decimal(pick % 2500).scaleb(-2) if pick % 13 else None,
            "account_id": 10**12 + pick % 10**9,
            "invoice_date": day + timedelta(days=pick % 2200) if pick % 19 else None,
            "created_at": created.replace(tzinfo=None),
            "updated_at": created,
            "external_id": uuid.UUID(int=(pick << 64) | rng.getrandbits(64), version=4),
            "is_paid": bool(pick & 1),
            "status": STATUS[pick % len(STATUS)],
            "attributes": {"tags": words[:1], "line": {"n": pick % 90, "unit": words[7]}},
            "note": words[3] if pick % 3 else None,
        }


def chunks(count: int, seed: int = 7, every: int = 1) -> Iterator[list[dict[str, Any]]]:
    """All records of the set of ``count``, in lists of at most ``CHUNK``; with ``every`` the ids are its multiples."""
    for first in range(1, count + 1, CHUNK):
        records = list(rows(min(CHUNK, count + 1 - first), first, seed))
        yield [record | {"id": record["id"] * every} for record in records] if every > 1 else records


def text(value: Any) -> Any:
    """A value as a CSV or JSON file holds it."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" " if value.tzinfo is None else "T")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return None if value is None else str(value)


def json_line(record: dict[str, Any]) -> str:
    """One line of JSON; decimals are written with all their digits, never through a double."""
    members = []
    for name, value in record.items():
        if isinstance(value, (dict, bool)) or value is None:
            shown = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        elif isinstance(value, (int, Decimal)):
            shown = str(value)
        else:
            shown = json.dumps(text(value), ensure_ascii=False)
        members.append(f'"{name}":{shown}')
    return "{" + ",".join(members) + "}\n"


def parquet_schema() -> Any:
    """The Arrow schema of the Parquet file: typed; the nested column has Parquet's logical type JSON, the uuid is a string."""
    import pyarrow as pa

    types = {
        "bigint": pa.int64(),
        "text": pa.string(),
        "numeric": pa.decimal128(18, 4),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
        "timestamptz": pa.timestamp("us", "UTC"),
        "uuid": pa.string(),
        "boolean": pa.bool_(),
        "jsonb": pa.json_(),
    }
    return pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])


def make(folder: Path, count: int, seed: int = 7, every: int = 1, kinds: tuple[str, ...] = KINDS) -> dict[str, Path]:
    """The files of ``count`` records under ``folder``, made once."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"rows_{count}" if every == 1 else f"rows_{count}_every_{every}"
    files = {kind: folder / f"{stem}.{kind}" for kind in kinds}
    if not all(path.exists() for path in files.values()):
        for kind, path in files.items():
            fresh = path.with_suffix(path.suffix + ".new")
            WRITERS[kind](fresh, chunks(count, seed, every))
            fresh.rename(path)
    return files


def write_csv(path: Path, lists: Iterator[list[dict[str, Any]]]) -> None:
    """Records as CSV, quoted where needed; NULL is empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for records in lists:
            writer.writerows([text(value) for value in record.values()] for record in records)


def write_jsonl(path: Path, lists: Iterator[list[dict[str, Any]]]) -> None:
    """Records as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        for records in lists:
            file.writelines(map(json_line, records))


def write_parquet(path: Path, lists: Iterator[list[dict[str, Any]]]) -> None:
    """Records as Parquet, typed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = parquet_schema()
    with pq.ParquetWriter(path, schema) as file:
        for records in lists:
            typed = [record | {name: text(record[name]) for name in ("external_id", "attributes")} for record in records]
            file.write_table(pa.Table.from_pylist(typed, schema=schema))


WRITERS = {"csv": write_csv, "parquet": write_parquet, "jsonl": write_jsonl}
