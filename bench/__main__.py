"""Measure and report. Needs the settings of the portal; a database of its own is best."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import data, finance, ledger
from bench.report import ROOT, write_main, write_section

BARS = {"csv": (1.4, 1.2), "parquet": (1.2, 0.9), "jsonl": (2.0, 1.5), "merge": (1.5, 1.0)}
MEMORY_BAR, START_BAR = 400, 1.5
MERGED = 10
"""The merge changes one row in ten."""


@dataclass
class Measured:
    """One process: wall seconds of the run, CPU seconds and peak memory (MB) of the process."""

    seconds: float
    cpu: float
    peak: float


def main() -> None:
    """Run everything ``--repeat`` times, take medians, write the report."""
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--tenfold", action="store_true", help="load ten times the rows once, for the memory figure")
    options.add_argument("--lines", type=int, default=100_000, help="journal items of the ledger that the Odoo connector reads")
    options.add_argument("--items", type=int, default=1_000_000, help="journal items of the ledger that finance reports on")
    chosen = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ipai.settings")
    import django

    django.setup()
    from django.conf import settings

    folder = settings.IPAI_HOME / "bench"
    os.environ["IPAI_FILES_ROOTS"] = str(folder)
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
    bench = Bench(folder, chosen.rows)
    bench.prepare()
    rounds = [bench.round() for _ in range(chosen.repeat)]
    tenfold = bench.peak_at(chosen.rows * 10) if chosen.tenfold else None
    report = render(rounds, chosen.rows, tenfold, bench.server())
    report += "\n".join(["", *ledger.render(ledger.measure(chosen.lines), chosen.lines)])
    write_main(report)
    write_section("finance", "\n".join(finance.render(finance.measure(chosen.items), chosen.items)))
    print(report)


class Bench:
    """Loads through ``manage.py runconnector``, each beside the raw baseline in the same round."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        self.files: dict[str, Path] = {}

    def prepare(self) -> None:
        """Make the data: the full set, the changed tenth, ten rows."""
        self.files = data.make(self.folder, self.rows)
        changed = max(1, self.rows // MERGED)
        self.files["changed"] = data.make(self.folder, changed, seed=11, every=MERGED)["csv"]
        self.files["ten"] = data.make(self.folder, 10)["csv"]

    def round(self) -> dict[str, Any]:
        """One measurement of everything."""
        result: dict[str, Any] = {"raw": self.baseline("copy", self.files["csv"])}
        for kind in ("csv", "parquet", "jsonl"):
            result[kind] = self.load(self.files[kind])
        result["raw_again"] = self.baseline("keyed", self.files["csv"])
        result["raw_merge"] = self.baseline("merge", self.files["changed"])
        result["merge"] = self.merge()
        result["start"] = self.load(self.files["ten"])
        return result

    def baseline(self, what: str, path: Path) -> float:
        """Wall seconds of a raw baseline in a fresh process."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.baseline", what, self.url(), str(path)],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        return float(done.stdout)

    def load(self, path: Path, rows: int | None = None) -> Measured:
        """A first load of one file by a connector made for it and taken away afterwards."""
        name = f"bench-{uuid.uuid4().hex[:8]}"
        try:
            self.create(name, path, {})
            return self.run(name)
        finally:
            self.remove(name)

    def merge(self) -> Measured:
        """The changed tenth merged by key into the loaded set."""
        name, incoming = f"bench-{uuid.uuid4().hex[:8]}", self.folder / "incoming.csv"
        try:
            incoming.unlink(missing_ok=True)
            os.link(self.files["csv"], incoming)
            self.create(name, incoming, {"write_mode": "merge", "primary_key": ["id"]})
            self.run(name)
            incoming.unlink()
            os.link(self.files["changed"], incoming)
            return self.run(name)
        finally:
            incoming.unlink(missing_ok=True)
            self.remove(name)

    def create(self, name: str, path: Path, more: dict[str, Any]) -> None:
        """A files connector for one path, its table named as the connector."""
        config = {"path": str(path), "table": name.replace("-", "_")} | more
        command = [sys.executable, "manage.py", "createconnector", name, "--type", "files", "--config", json.dumps(config)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    def run(self, name: str) -> Measured:
        """``runconnector`` in a process of its own; wall is the run's, from queued to ended."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", "runconnector", name, "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"runconnector {name} failed: {output}")
        report = json.loads(output)
        return Measured(report["seconds"], usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

    def remove(self, name: str) -> None:
        """Drop the connector and its table."""
        from django.db import connection

        from connectors.models import ConnectorConfig

        ConnectorConfig.objects.filter(name=name).delete()
        with connection.cursor() as cursor:
            cursor.execute(f'DROP TABLE IF EXISTS ipai_bronze_core."{name.replace("-", "_")}"')

    def peak_at(self, rows: int) -> Measured:
        """One CSV load of another size."""
        return self.load(data.make(self.folder, rows, kinds=("csv",))["csv"])

    def url(self) -> str:
        """The libpq URL of the portal's database."""
        done = subprocess.run([sys.executable, "manage.py", "dburl"], cwd=ROOT, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def server(self) -> str:
        """The server's version and what decides how fast it loads."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version'), current_setting('wal_level'), current_setting('fsync')")
            return "PostgreSQL {}, wal_level {}, fsync {}".format(*cursor.fetchone())


def render(rounds: list[dict[str, Any]], rows: int, tenfold: Measured | None, server: str) -> str:
    """The report as Markdown: medians, ratios within each round."""
    lines = [
        "# Benchmarks",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} by `python -m bench --rows {rows}` (`make bench`), median of {len(rounds)} rounds:",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {server}.",
        "",
        f"{rows:,} rows of 18 columns (`bench/data.py`): unicode, quotes, newlines, leading zeros, exact decimals, timestamps,",
        "uuids, a nested json column. Each load is `manage.py runconnector` as a user runs it",
        "(type inference, counts, row level security,",
        "run history, primary key), wall time of the run, divided by psycopg's COPY of the same rows from CSV into a",
        "typed table",
        "without keys, made and filled in one transaction, in the same round. The merge's baseline is COPY to a temporary table",
        f"and INSERT ... ON CONFLICT of {rows // MERGED:,} changed rows.",
        "",
        "| | seconds | raw | ratio | bar | aim | peak MB | CPU s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    missed = []
    for kind, (bar, aim) in BARS.items():
        raws = [r["raw_merge"] if kind == "merge" else statistics.mean((r["raw"], r["raw_again"])) for r in rounds]
        seconds, peak, cpu = (statistics.median(getattr(r[kind], what) for r in rounds) for what in ("seconds", "peak", "cpu"))
        ratio = statistics.median(r[kind].seconds / raw for r, raw in zip(rounds, raws, strict=True))
        raw = statistics.median(raws)
        lines.append(f"| {kind} | {seconds:.2f} | {raw:.2f} | {ratio:.2f} | {bar} | {aim} | {peak:.0f} | {cpu:.1f} |")
        if ratio > bar:
            missed.append(f"{kind} takes {ratio:.2f} times the baseline, the bar is {bar}")
    lines += ["", f"Missed: {'; '.join(missed)}." if missed else "No ratio misses its bar."]
    peak = max(r[kind].peak for r in rounds for kind in BARS)
    start = statistics.median(r["start"].cpu for r in rounds)
    lines += ["", f"Peak memory of the process: {peak:.0f} MB at {rows:,} rows (bar {MEMORY_BAR})."]
    if tenfold:
        at_rows = max(r["csv"].peak for r in rounds)
        lines.append(
            f"CSV at {rows * 10:,} rows: {tenfold.peak:.0f} MB, {tenfold.peak / at_rows:.2f} times the peak at {rows:,} (bar 1.2)."
        )
    lines += [f"Start-up: `runconnector` on 10 rows takes {start:.2f} CPU seconds (bar {START_BAR}).", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
