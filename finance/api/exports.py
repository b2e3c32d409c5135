"""Statements and ageing as files: CSV with plain numbers, XLSX with formatted ones."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from openpyxl import Workbook
from openpyxl.styles import Font

from finance.definitions import ASSETS, BUCKETS, EQUITY, LIABILITIES, RESULT, SECTIONS
from finance.money import money

Cell = str | Decimal | date | int | None
Row = Sequence[Cell]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
AFTER = {"expense_direct_cost": "gross_profit", "expense_depreciation": "operating_income"}
"""The subtotal that follows an account type in a profit and loss statement."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title, the header first; amounts are written with so many decimals."""

    title: str
    decimals: int
    rows: Iterable[Row]


def export(form: str, name: str, entries: Sequence[dict[str, Any]]) -> HttpResponse:
    """The answer as a file to save."""
    return saved(form, name, [Table(entry["currency"], entry["decimals"], table(entry)) for entry in entries])


def saved(form: str, name: str, tables: Sequence[Table]) -> HttpResponse:
    """Tables as a file to save."""
    body, kind = (_csv(tables), "text/csv; charset=utf-8") if form == "csv" else (_xlsx(tables), XLSX)
    return HttpResponse(body, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'})


def table(entry: dict[str, Any]) -> Iterator[Row]:
    """An entry as rows, the header first."""
    if "periods" in entry:
        return _profit_and_loss(entry)
    if "by_type" in entry:
        return _balance_sheet(entry)
    if "sections" in entry:
        return _cashflow(entry)
    if "buckets" in entry:
        return _aging(entry)
    return _trial_balance(entry)


def _profit_and_loss(entry: dict[str, Any]) -> Iterator[Row]:
    columns = [*entry["periods"], *entry.get("comparison", [])]
    yield ["Type", "Code", "Account", *(f"{one['from']} to {one['to']} ({entry['currency']})" for one in columns)]
    for kind, line in RESULT.items():
        yield from _accounts(columns, kind)
        yield [line, None, None, *(one["totals"][line] for one in columns)]
        if kind in AFTER:
            yield [AFTER[kind], None, None, *(one["totals"][AFTER[kind]] for one in columns)]
    yield ["net_profit", None, None, *(one["totals"]["net_profit"] for one in columns)]


def _accounts(columns: Sequence[dict[str, Any]], kind: str) -> Iterator[Row]:
    """The accounts of a type, each with its amount in every column."""
    found: dict[tuple[str, int, int], tuple[str, str, list[Cell]]] = {}
    for place, column in enumerate(columns):
        for one in column["accounts"]:
            if one["account_type"] == kind:
                key = (one["connector"], one["company_id"], one["account_id"])
                found.setdefault(key, (one["code"], one["name"], [Decimal(0)] * len(columns)))[2][place] = one["amount"]
    for code, name, amounts in sorted(found.values(), key=lambda row: row[0]):
        yield [kind, code, name, *amounts]


def _balance_sheet(entry: dict[str, Any]) -> Iterator[Row]:
    totals = entry["totals"]
    yield ["Type", "Code", "Account", f"{entry['as_of']} ({entry['currency']})"]
    for title, kinds in (("assets", ASSETS), ("liabilities", LIABILITIES), ("equity", EQUITY)):
        for kind in kinds:
            rows = [one for one in entry["accounts"] if one["account_type"] == kind]
            yield from ([kind, one["code"], one["name"], one["amount"]] for one in rows)
        if title == "equity":
            yield from ([name, None, None, totals[name]] for name in ("current_year_earnings", "prior_years_earnings"))
        yield [title, None, None, totals[title]]


def _trial_balance(entry: dict[str, Any]) -> Iterator[Row]:
    figures = ("debit", "credit", "balance")
    yield ["Type", "Code", "Account", *(f"{name} ({entry['currency']})" for name in figures)]
    for one in entry["rows"]:
        yield [one["account_type"], one["code"], one["name"], *(one[name] for name in figures)]
    yield ["total", None, None, *(entry["totals"][name] for name in figures)]


def _cashflow(entry: dict[str, Any]) -> Iterator[Row]:
    yield ["Section", "Code", "Account", f"{entry['from']} to {entry['to']} ({entry['currency']})"]
    yield ["opening", None, None, entry["opening"]]
    for section in SECTIONS:
        rows = [one for one in entry["rows"] if one["section"] == section]
        yield from ([section, one["code"], one["name"], one["amount"]] for one in rows)
        yield [f"{section} total", None, None, entry["sections"][section]]
    yield ["net", None, None, entry["net"]]
    yield ["closing", None, None, entry["closing"]]


def _aging(entry: dict[str, Any]) -> Iterator[Row]:
    yield ["Partner id", "Partner", *(f"{bucket} ({entry['currency']})" for bucket in BUCKETS), f"total ({entry['currency']})"]
    for one in entry["partners"]:
        yield [one["partner_id"], one["partner"], *(one["buckets"][bucket] for bucket in BUCKETS), one["total"]]
    yield [None, "total", *(entry["buckets"][bucket] for bucket in BUCKETS), entry["total"]]


def _csv(tables: Sequence[Table]) -> str:
    """Tables under each other, an empty line between. Text that a spreadsheet would take for a formula gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    for place, one in enumerate(tables):
        if place:
            writer.writerow([])
        for row in one.rows:
            writer.writerow([_plain(cell, one.decimals) for cell in row])
    return out.getvalue()


def _plain(cell: Cell, decimals: int) -> str:
    if isinstance(cell, Decimal):
        return money(cell, decimals)
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text


def _xlsx(tables: Sequence[Table]) -> bytes:
    """A sheet for each table, amounts as numbers."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for one in tables:
        sheet = book.create_sheet(one.title or "Figures")
        zeros = f".{'0' * one.decimals}" if one.decimals else ""
        for number, row in enumerate(one.rows, 1):
            for column, value in enumerate(row, 1):
                cell = sheet.cell(number, column)
                if isinstance(value, Decimal):
                    cell.value, cell.number_format = Decimal(money(value, one.decimals)), f"#,##0{zeros};(#,##0{zeros})"
                elif value is not None:
                    cell.value = value
                    if isinstance(value, str):
                        cell.data_type = "s"  # never a formula
                if number == 1:
                    cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
    if not tables:
        book.create_sheet("Nothing is loaded")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
