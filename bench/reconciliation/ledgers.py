"""Ledgers with their answers: the demo's with other seeds, and those of an Odoo that is asked over its API."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx

from connectors.demo.odoo import plan
from connectors.demo.odoo.ledger import START
from connectors.demo.odoo.ledger import Ledger as DemoLedger
from finance.reconciliation.history import History, Tie, Truth
from finance.reconciliation.records import BankLine, Kind, Market, OpenItem, Partner

Row = dict[str, Any]
KINDS: Mapping[str, Kind] = {"out_invoice": "invoice", "in_invoice": "bill", "out_refund": "credit_note", "in_refund": "refund"}


@dataclass(slots=True)
class Books(History):
    """A ledger as the bench sees it, with the names of all partners."""

    name: str = ""
    names: dict[int, str] = field(default_factory=dict)


def cents(amount: Any) -> int:
    return round(float(amount or 0) * 100)


def books(name: str, read: Callable[[str], list[Row]], *, from_payments: bool) -> Books:
    """A ledger from rows as Odoo's API gives them with bare ids."""
    currencies = {row["id"]: row["name"] for row in read("res.currency")}
    own = {row["id"]: currencies[row["currency_id"]] for row in read("res.company")}
    rates: dict[tuple[int, str], list[tuple[date, float]]] = defaultdict(list)
    for row in read("res.currency.rate"):
        for company in [row["company_id"]] if row["company_id"] else own:
            rates[company, currencies[row["currency_id"]]].append((date.fromisoformat(row["name"]), row["rate"]))
    accounts = {row["id"]: row for row in read("account.account")}
    moves = {row["id"]: row for row in read("account.move")}
    partners = read("res.partner")
    main = {row["id"]: row["commercial_partner_id"] or row["id"] for row in partners}
    lines = [row for row in read("account.move.line") if row["parent_state"] == "posted"]
    items = {
        row["id"]: _item(row, moves[row["move_id"]], currencies, own, main)
        for row in lines
        if accounts[row["account_id"]]["reconcile"]
    }
    ties = [
        Tie(row["debit_move_id"], row["credit_move_id"], cents(row["debit_amount_currency"]), cents(row["credit_amount_currency"]),
            cents(row["amount"]), date.fromisoformat(row["max_date"]))
        for row in read("account.partial.reconcile")
    ]  # fmt: skip
    by_move: dict[int, list[Row]] = defaultdict(list)
    for row in lines:
        by_move[row["move_id"]].append(row)
    other = defaultdict(list)
    for tie in ties:
        other[tie.debit].append(tie.credit)
        other[tie.credit].append(tie.debit)
    bank = [
        *(_payments(read, moves, currencies, own) if from_payments else ()),
        *(_statements(read, moves, currencies)),
    ]
    exchange = {row["id"] for row in read("account.journal") if row["code"] == "EXCH"}
    truths = []
    for line, move in bank:
        mine = [row for row in by_move[move] if row["id"] in items]
        settled = tuple(sorted({key for row in mine for key in other[row["id"]]}))
        settled = tuple(key for key in settled if moves[items[key].document]["journal_id"] not in exchange)
        fee = sum(
            cents(row["balance"]) for row in by_move[move] if accounts[row["account_id"]]["account_type"].startswith("expense")
        )
        truths.append(Truth(line, tuple(row["id"] for row in by_move[move]), settled, fee if settled else 0))
    companies = [Partner(row["id"], (_clean(row["name"]),)) for row in partners if main[row["id"]] == row["id"] and row["name"]]
    sorted_rates = {key: sorted(pairs) for key, pairs in rates.items()}
    names = {row["id"]: _clean(row["name"]) for row in partners if row["name"]}
    return Books(
        items, ties, sorted(truths, key=lambda truth: truth.line.id), companies, Market(own, {}, sorted_rates), name, names
    )


def _clean(name: str) -> str:
    return name.removesuffix(" (demo)")


def _item(row: Row, move: Row, currencies: Mapping[int, str], own: Mapping[int, str], main: Mapping[int, int]) -> OpenItem:
    kind: Kind = KINDS.get(move["move_type"]) or ("payment" if row.get("payment_id") or move.get("origin_payment_id") else "entry")
    references = tuple(text for text in (move.get("ref"), move.get("payment_reference"), move.get("invoice_origin")) if text)
    day = date.fromisoformat(row["date"])
    return OpenItem(
        row["id"], row["company_id"], row["move_id"], kind, move["name"] or "", main.get(row["partner_id"]), day,
        date.fromisoformat(row["date_maturity"]) if row["date_maturity"] else day, currencies[row["currency_id"]],
        cents(row["amount_currency"]), cents(row["balance"]), references,
    )  # fmt: skip


def _statements(
    read: Callable[[str], list[Row]], moves: Mapping[int, Row], currencies: Mapping[int, str]
) -> Iterator[tuple[BankLine, int]]:
    for row in read("account.bank.statement.line"):
        if row["is_reconciled"]:
            foreign = currencies[row["foreign_currency_id"]] if row["foreign_currency_id"] else None
            yield BankLine(
                row["id"], row["company_id"], date.fromisoformat(moves[row["move_id"]]["date"]), cents(row["amount"]),
                currencies[row["currency_id"]], row["payment_ref"] or "", row["partner_name"] or "", None,
                cents(row["amount_currency"]) if foreign else None, foreign,
            ), row["move_id"]  # fmt: skip


def _payments(
    read: Callable[[str], list[Row]], moves: Mapping[int, Row], currencies: Mapping[int, str], own: Mapping[int, str]
) -> Iterator[tuple[BankLine, int]]:
    """Registered payments as the bank would show them, where the ledger has no statements."""
    for row in read("account.payment"):
        move = moves.get(row["move_id"] or 0)
        if move is None or move["state"] != "posted":
            continue
        currency, company = currencies[row["currency_id"]], move["company_id"]
        sign = 1 if row["payment_type"] == "inbound" else -1
        amount = cents(row["amount_company_currency_signed"]) if currency != own[company] else sign * cents(row["amount"])
        foreign = (sign * cents(row["amount"]), currency) if currency != own[company] else (None, None)
        memo = row["memo"] or move["ref"] or ""
        yield (
            BankLine(
                10_000_000 + row["id"],
                company,
                date.fromisoformat(move["date"]),
                abs(amount) * sign,
                own[company],
                f"Invoice {memo}",
                "?",
                None,
                *foreign,
            ),
            row["move_id"],
        )


def demo(seed: int, years: int = 2) -> Books:
    """The demo company with another seed."""
    ledger = DemoLedger()
    ledger.random = random.Random(seed)
    plan.opening(ledger)
    ledger.month(START.date())
    ledger.run(datetime(START.year + years, 1, 1, tzinfo=UTC))
    store = ledger.store

    def read(model: str) -> list[Row]:
        return [dict(row) for row in store.all(model)]

    return books(f"demo {seed}", read, from_payments=False)


@contextmanager
def simulator(seed: int, lines: int) -> Iterator[str]:
    """The simulator of ``IPAI_SIMS`` as a process of its own; its address."""
    command = [
        sys.executable,
        str(Path(os.environ["IPAI_SIMS"]) / "odoo.py"),
        "--port",
        "0",
        "--scale",
        str(lines),
        "--seed",
        str(seed),
    ]
    command += ["--user", "bench", "--password", "bench"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait()


FIELDS = {
    "res.currency": ("name",),
    "res.company": ("currency_id",),
    "res.currency.rate": ("name", "rate", "currency_id", "company_id"),
    "account.account": ("reconcile", "account_type"),
    "account.journal": ("code",),
    "account.move": (
        "name", "ref", "payment_reference", "invoice_origin", "move_type", "state", "date", "journal_id", "company_id",
        "origin_payment_id",
    ),
    "account.move.line": (
        "move_id", "account_id", "company_id", "partner_id", "currency_id", "date", "date_maturity", "parent_state",
        "balance", "amount_currency", "payment_id",
    ),
    "account.partial.reconcile": (
        "debit_move_id", "credit_move_id", "debit_amount_currency", "credit_amount_currency", "amount", "max_date",
    ),
    "account.payment": ("move_id", "amount", "amount_company_currency_signed", "currency_id", "payment_type", "memo"),
    "account.bank.statement.line": (
        "move_id", "company_id", "is_reconciled", "foreign_currency_id", "currency_id", "amount", "amount_currency",
        "payment_ref", "partner_name",
    ),
    "res.partner": ("name", "commercial_partner_id"),
}  # fmt: skip


def simulated(seed: int, lines: int) -> Books:
    """A ledger of the simulator, read over JSON-RPC."""
    with simulator(seed, lines) as url, httpx.Client(base_url=url, timeout=120) as client:
        rows: dict[str, list[Row]] = {}

        def call(service: str, method: str, *args: Any) -> Any:
            body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": {"service": service, "method": method, "args": args}}
            answer = client.post("/jsonrpc", json=body).json()
            if "error" in answer:
                raise SystemExit(f"the simulator says {answer['error']}")
            return answer["result"]

        database = call("db", "list")[0]
        user = call("common", "authenticate", database, "bench", "bench", {})
        for model, fields in FIELDS.items():
            options = {"fields": list(fields), "load": "", "order": "id", "context": {"active_test": False}}
            rows[model] = call("object", "execute_kw", database, user, "bench", model, "search_read", [[]], options)
    return books(f"simulator {seed}", rows.__getitem__, from_payments=True)
