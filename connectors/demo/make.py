"""Makes the demo files beside it, the same bytes every time: ``python connectors/demo/make.py``."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
COLOURS = ("Red", "Blue", "Green", "Grey", "Amber")
THINGS = ("Widget", "Bracket", "Gasket", "Valve", "Sensor", "Cable", "Hinge", "Filter", "Relay", "Spring", "Clamp", "Motor")
COUNTRIES = ("AT", "DE", "ES", "FR", "IT", "NL", "PL", "SE")
STATUSES = ("paid", "paid", "paid", "shipped", "shipped", "pending", "returned")
PAGES = ("/", "/products", "/products/valve", "/cart", "/checkout", "/help")


def seeded(number: int) -> random.Random:
    """A generator of its own for each file, so that one file's change leaves the others alone."""
    return random.Random(number)  # noqa: S311  (made-up data, no cryptography)


def table(rows: list[list[object]], delimiter: str = ",") -> bytes:
    """Rows as CSV bytes with LF line ends."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def packed(data: bytes) -> bytes:
    """Gzip without a time stamp, so that the bytes are the same every time."""
    return gzip.compress(data, mtime=0)


def orders(random_: random.Random) -> bytes:
    """2,000 orders with ; between fields and codes that begin with zeros."""
    rows: list[list[object]] = [
        ["order_id", "ordered_at", "customer_id", "product_code", "quantity", "unit_price", "status", "note"]
    ]
    for number in range(1, 2001):
        at = datetime(2026, 1, 1, 8, tzinfo=UTC) + timedelta(minutes=65 * number + random_.randrange(60))
        note = random_.choice(["", "", "", "", "gift", 'marked "urgent"', "leave at the desk; ring twice", "two\nparcels"])
        price = f"{random_.randrange(150, 25000) / 100:.2f}"
        code = f"{random_.randrange(1, 61):05d}"
        stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        rows.append(
            [number, stamp, random_.randrange(1, 301), code, random_.randrange(1, 12), price, random_.choice(STATUSES), note]
        )
    return table(rows, ";")


def customers(random_: random.Random) -> bytes:
    """300 customers as JSON Lines; the first hundred lack the newer field."""
    lines = []
    for number in range(1, 301):
        row: dict[str, object] = {
            "customer_id": number,
            "name": f"Demo customer {number:03d}",
            "email": f"customer{number}@example.com",
        }
        row["country"] = random_.choice(COUNTRIES)
        row["since"] = (date(2022, 1, 1) + timedelta(days=random_.randrange(1400))).isoformat()
        row["address"] = {
            "street": f"Sample street {random_.randrange(1, 200)}",
            "postcode": f"{random_.randrange(1000, 99999):05d}",
        }
        if number > 100:
            row["newsletter"] = random_.random() < 0.4
        lines.append(json.dumps(row))
    return ("\n".join(lines) + "\n").encode()


def products(random_: random.Random) -> bytes:
    """60 products as Parquet with exact decimals."""
    names = [f"{colour} {thing}" for thing in THINGS for colour in COLOURS]
    columns = {
        "product_code": pa.array([f"{number:05d}" for number in range(1, 61)]),
        "name": pa.array(names),
        "list_price": pa.array([Decimal(random_.randrange(150, 25000)) / 100 for _ in names], pa.decimal128(12, 2)),
        "weight_grams": pa.array([random_.randrange(5, 9000) for _ in names], pa.int32()),
        "is_active": pa.array([random_.random() < 0.9 for _ in names]),
        "introduced": pa.array([date(2021, 1, 1) + timedelta(days=random_.randrange(1500)) for _ in names], pa.date32()),
    }
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()


def sessions(random_: random.Random, month: date, count: int) -> bytes:
    """Web sessions of one month."""
    rows: list[list[object]] = [["session_id", "started_at", "country", "landing_page", "pages", "seconds", "converted"]]
    for _ in range(count):
        at = datetime(month.year, month.month, 1, tzinfo=UTC) + timedelta(seconds=random_.randrange(28 * 86400))
        key = f"{random_.getrandbits(128):032x}"
        uuid = "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:]))
        converted = str(random_.random() < 0.06).lower()
        seconds = random_.randrange(3, 1800)
        rows.append(
            [
                uuid,
                f"{at:%Y-%m-%d %H:%M:%S+00}",
                random_.choice(COUNTRIES),
                random_.choice(PAGES),
                random_.randrange(1, 20),
                seconds,
                converted,
            ]
        )
    return packed(table(rows))


def rates(random_: random.Random) -> bytes:
    """Made-up exchange rates: one JSON object with the rows inside."""
    found = []
    for currency, base in (("USD", 1.1), ("GBP", 0.85), ("CHF", 0.95)):
        for day in range(90):
            rate = f"{base * random_.uniform(0.97, 1.03):.6f}"
            found.append({"day": (date(2026, 1, 1) + timedelta(days=day)).isoformat(), "currency": currency, "rate": float(rate)})
    return json.dumps({"base": "EUR", "note": "Demo figures, not market rates.", "rates": found}, indent=1).encode()


def readings(random_: random.Random) -> bytes:
    """Sensor readings, some of them malformed on purpose."""
    lines = ["reading_id,taken_at,sensor,celsius"]
    for number in range(1, 201):
        at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=15 * number)
        lines.append(f"{number},{at:%Y-%m-%dT%H:%M:%SZ},S-{random_.randrange(1, 9):02d},{random_.uniform(15, 30):.1f}")
    lines[40] += ",extra"
    lines[77] = "77,2026-03-01T19:15:00Z"
    lines[150] = lines[150].rsplit(",", 1)[0] + ",21.4,,"
    return ("\n".join(lines) + "\n").encode()


def main() -> None:
    """Write all files."""
    files = {
        "orders.csv": orders(seeded(1)),
        "customers.jsonl": customers(seeded(2)),
        "products.parquet": products(seeded(3)),
        "sessions/2026-01.csv.gz": sessions(seeded(4), date(2026, 1, 1), 1500),
        "sessions/2026-02.csv.gz": sessions(seeded(5), date(2026, 2, 1), 1500),
        "exchange_rates.json": rates(seeded(6)),
        "readings.csv": readings(seeded(7)),
    }
    for name, data in files.items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
