"""Profit and loss, balance sheet, cash flow and trial balance: open to accounts, journal items and the documents in Odoo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from finance import queries
from finance.api.exports import saved
from finance.definitions import ASSETS, EQUITY, LIABILITIES, RESULT, SECTIONS, TYPES
from finance.pages.common import Books, day_of, days_of, export_form, shown
from finance.pages.ranges import COMPARES, RANGES, STEPS, a_balance_day, compared_day, comparison, controls, ends, span, step
from finance.pages.sheet import Column, Key, Line, Sheet, Slot, Spec, cells, columns, lines
from finance.periods import Period, compared, split
from finance.queries import NONE
from ipai.observability.console.pages import NavItem, page

Entry = dict[str, Any]
PROFIT_AND_LOSS = (
    *(Spec("type", name, TYPES[name]) for name in ("income", "expense_direct_cost")),
    Spec("subtotal", "gross_profit", "Gross profit"),
    *(Spec("type", name, TYPES[name]) for name in ("expense", "expense_depreciation")),
    Spec("subtotal", "operating_income", "Operating income"),
    *(Spec("type", name, TYPES[name]) for name in ("income_other", "expense_other")),
    Spec("total", "net_profit", "Net profit"),
)
BALANCE_SHEET = (
    Spec("heading", "assets", "Assets"),
    *(Spec("type", name, TYPES[name]) for name in TYPES if name in ASSETS),
    Spec("total", "assets", "Total assets"),
    Spec("heading", "liabilities", "Liabilities"),
    *(Spec("type", name, TYPES[name]) for name in TYPES if name in LIABILITIES),
    Spec("subtotal", "liabilities", "Total liabilities"),
    Spec("heading", "equity", "Equity"),
    *(Spec("type", name, TYPES[name]) for name in EQUITY),
    Spec("figure", "prior_years_earnings", "Earnings of earlier years"),
    Spec("figure", "current_year_earnings", "Earnings of this year"),
    Spec("subtotal", "total_equity", "Total equity"),
    Spec("total", "both", "Total liabilities and equity"),
)
CASHFLOW = (
    Spec("figure", "opening", "Cash at the beginning"),
    *(Spec("type", name, f"{name.capitalize()} activities") for name in SECTIONS),
    Spec("subtotal", "net", "Change in cash"),
    Spec("total", "closing", "Cash at the end"),
)
YEAR_ENDS = {**COMPARES, "previous_period": "The end of the last year"}
Link = Callable[[Key, Slot], str]


@page(
    "finance/profit-and-loss/",
    "finance_profit_and_loss",
    action="view_finance",
    nav=NavItem("Finance", "Profit and loss", "finance_mode", 2),
    top=True,
)
@shown("finance/statement.html", "Profit and loss")
def profit_and_loss(request: HttpRequest, cursor: CursorWrapper, books: Books) -> Mapping[str, Any] | HttpResponse:
    """Income and expense by account, in one column or by month, quarter or year."""
    name, whole = span(request, books)
    by, how = step(request, whole, books.year_end), comparison(request)
    entries = queries.profit_and_loss(cursor, books.groups(cursor, whole.last), whole, by, how)
    sheets = [_profit_sheet(entry, books, total=by is not None) for entry in entries]
    asked = controls(request, ranges=RANGES, range=name, span=whole, steps=STEPS, compares=COMPARES)
    return _answer(request, "profit-and-loss", entries, sheets, asked, days_of(whole))


def _profit_sheet(entry: Entry, books: Books, *, total: bool) -> Sheet:
    slots = [_result_slot(one) for one in entry["periods"]]
    before: list[Slot | None] = [_result_slot(one) for one in entry.get("comparison", [])] or [None] * len(slots)
    pairs = list(zip(slots, before, strict=True))
    if total and len(slots) > 1:
        pairs.append((_summed("Total", slots), None))
    accounts = _accounts(one | {"group": one["account_type"]} for part in _parts(entry) for one in part["accounts"])
    return _sheet(entry, books, PROFIT_AND_LOSS, columns(pairs), accounts)


def _parts(entry: Entry) -> list[Entry]:
    return [*entry["periods"], *entry.get("comparison", [])]


def _result_slot(part: Entry) -> Slot:
    totals = part["totals"]
    figures = totals | {kind: totals[line] for kind, line in RESULT.items()}
    return Slot(days_of(Period(part["from"], part["to"])), part["from"], part["to"], figures, _amounts(part["accounts"]))


def _summed(title: str, slots: Sequence[Slot]) -> Slot:
    """All periods of a row of them."""
    figures = {name: sum((slot.figures[name] for slot in slots), NONE) for name in slots[0].figures}
    keys = {key for slot in slots for key in slot.accounts}
    accounts = {key: sum((slot.accounts.get(key, NONE) for slot in slots), NONE) for key in keys}
    return Slot(title, slots[0].first, slots[-1].last, figures, accounts)


@page(
    "finance/balance-sheet/",
    "finance_balance_sheet",
    action="view_finance",
    nav=NavItem("Finance", "Balance sheet", "balance", 3),
    top=True,
)
@shown("finance/statement.html", "Balance sheet")
def balance_sheet(request: HttpRequest, cursor: CursorWrapper, books: Books) -> Mapping[str, Any] | HttpResponse:
    """Assets, liabilities and equity on a day, and on the ends of the months, quarters or years before it."""
    day = a_balance_day(request, books)
    by, how = step(request, Period(day, day), books.year_end), comparison(request)
    days = ends(day, by, books.year_end)
    pairs = [(one, compared_day(one, how, books.year_end) if how else None) for one in days]
    read = {one: queries.balance_sheet(cursor, books.groups(cursor, one), one) for pair in pairs for one in pair if one}
    sheets = [
        _balance_sheet([(read[now][place], read[before][place] if before else None) for now, before in pairs], books)
        for place in range(len(read[day]))
    ]
    asked = controls(request, day=day, steps=STEPS, compares=YEAR_ENDS)
    return _answer(request, "balance-sheet", [one for entries in read.values() for one in entries], sheets, asked, day_of(day))


def _balance_sheet(pairs: Sequence[tuple[Entry, Entry | None]], books: Books) -> Sheet:
    across = columns([(_balance_slot(now, books), _balance_slot(before, books) if before else None) for now, before in pairs])
    read = [entry for pair in pairs for entry in pair if entry]
    accounts = _accounts(one | {"group": one["account_type"]} for entry in read for one in entry["accounts"])
    return _sheet(pairs[0][0], books, BALANCE_SHEET, across, accounts)


def _balance_slot(entry: Entry, books: Books) -> Slot:
    totals, day = entry["totals"], entry["as_of"]
    # equity is an account type and a total: the total has the earnings that no account holds
    sums = {"total_equity": totals["equity"], "both": totals["liabilities"] + totals["equity"]}
    return Slot(day_of(day), _year_of(books, day), day, totals | entry["by_type"] | sums, _amounts(entry["accounts"]))


def _year_of(books: Books, day: date) -> date:
    """Where the items behind a balance begin: the fiscal year; what came before is their opening balance."""
    return min(company.fiscal_year_start(day) for company in books.chosen)


@page("finance/cashflow/", "finance_cashflow", action="view_finance", nav=NavItem("Finance", "Cash flow", "payments", 4), top=True)
@shown("finance/statement.html", "Cash flow")
def cashflow(request: HttpRequest, cursor: CursorWrapper, books: Books) -> Mapping[str, Any] | HttpResponse:
    """Where cash came from and went, by the accounts against it."""
    name, whole = span(request, books)
    by, how = step(request, whole, books.year_end), comparison(request)
    found = books.groups(cursor, whole.last)
    periods = split(whole, by, books.year_end)
    pairs = [(period, compared(period, how) if how else None) for period in periods]
    pairs += [(whole, None)] if len(periods) > 1 else []
    read = {one: queries.cashflow(cursor, found, one) for pair in pairs for one in pair if one}
    sheets = [
        _cash_sheet([(read[now][n], read[before][n] if before else None) for now, before in pairs], books)
        for n in range(len(found))
    ]
    asked = controls(request, ranges=RANGES, range=name, span=whole, steps=STEPS, compares=COMPARES)
    return _answer(request, "cashflow", [one for entries in read.values() for one in entries], sheets, asked, days_of(whole))


def _cash_sheet(pairs: Sequence[tuple[Entry, Entry | None]], books: Books) -> Sheet:
    across = columns([(_cash_slot(now), _cash_slot(before) if before else None) for now, before in pairs])
    read = [entry for pair in pairs for entry in pair if entry]
    accounts = _accounts(one | {"group": one["section"]} for entry in read for one in entry["rows"])
    return _sheet(pairs[0][0], books, CASHFLOW, across, accounts, cash="true")


def _cash_slot(entry: Entry) -> Slot:
    figures = entry["sections"] | {name: entry[name] for name in ("opening", "closing", "net")}
    return Slot(days_of(Period(entry["from"], entry["to"])), entry["from"], entry["to"], figures, _amounts(entry["rows"]))


@page(
    "finance/trial-balance/",
    "finance_trial_balance",
    action="view_finance",
    nav=NavItem("Finance", "Trial balance", "table_rows", 5),
    top=True,
)
@shown("finance/statement.html", "Trial balance")
def trial_balance(request: HttpRequest, cursor: CursorWrapper, books: Books) -> Mapping[str, Any] | HttpResponse:
    """Debit, credit and balance of every account on a day."""
    day, how = a_balance_day(request, books), comparison(request)
    entries = queries.trial_balance(cursor, books.groups(cursor, day), day)
    then = compared_day(day, how, books.year_end) if how else None
    earlier = queries.trial_balance(cursor, books.groups(cursor, then), then) if then else []
    sheets = [_trial_sheet(entry, earlier[place] if then else None, books) for place, entry in enumerate(entries)]
    asked = controls(request, day=day, compares=YEAR_ENDS)
    return _answer(request, "trial-balance", [*entries, *earlier], sheets, asked, day_of(day))


def _trial_sheet(entry: Entry, earlier: Entry | None, books: Books) -> Sheet:
    slots = [_trial_slot(entry, name, name.capitalize(), books) for name in ("debit", "credit", "balance")]
    then = earlier and _trial_slot(earlier, "balance", f"Balance {day_of(earlier['as_of'])}", books)
    across = columns([(slots[0], None), (slots[1], None), (slots[2], then or None)])
    accounts = _accounts(entry["rows"] + (earlier["rows"] if earlier else []))
    link, several = _linker(books), len(entry["companies"]) > 1
    used = [column.slot for column in across if column.slot]
    listed = [_trial_line(key, one, across, used, link, several) for key, one in accounts.items()]
    listed.sort(key=lambda line: (line.code, line.hint))
    total = Line("total", "", "Total", cells(across, [slot.figures["total"] for slot in used]))
    return Sheet(entry["currency"], entry["decimals"], across, [*listed, total])


def _trial_line(key: Key, one: Entry, across: Sequence[Column], slots: Sequence[Slot], link: Link, several: bool) -> Line:
    values = cells(across, [slot.accounts.get(key, NONE) for slot in slots], [link(key, slot) for slot in slots])
    return Line("account", str(key[2]), one["name"], values, code=one["code"], hint=one["company"] if several else "")


def _trial_slot(entry: Entry, name: str, title: str, books: Books) -> Slot:
    day = entry["as_of"]
    return Slot(title, _year_of(books, day), day, {"total": entry["totals"][name]}, _amounts(entry["rows"], name))


def _key(one: Entry) -> Key:
    return one["connector"], one["company_id"], one["account_id"]


def _amounts(rows: Iterable[Entry], name: str = "amount") -> dict[Key, Decimal]:
    return {_key(one): one[name] for one in rows}


def _accounts(rows: Iterable[Entry]) -> dict[Key, Entry]:
    return {_key(one): one for one in rows}


def _linker(books: Books, **more: str) -> Link:
    """The way from an amount to the journal items that it counts."""
    items = reverse("finance_items")
    choices = {(company.connector, company.id): books.choice(company) for company in books.listed}

    def link(key: Key, slot: Slot) -> str:
        asked = {"company": choices[key[:2]], "account": key[2], "from": slot.first, "to": slot.last}
        return f"{items}?{urlencode(asked | more)}"

    return link


def _sheet(
    entry: Entry, books: Books, specs: Sequence[Spec], across: Sequence[Column], accounts: Mapping[Key, Entry], **more: str
) -> Sheet:
    named = {key: one | {"company": _company(entry, key)} for key, one in accounts.items()}
    found = lines(specs, across, named, _linker(books, **more), hints=len(entry["companies"]) > 1)
    return Sheet(entry["currency"], entry["decimals"], across, found)


def _company(entry: Entry, key: Key) -> str:
    return next((one["name"] for one in entry["companies"] if (one["connector"], one["company_id"]) == key[:2]), "")


def _answer(
    request: HttpRequest, name: str, entries: Sequence[Entry], sheets: Sequence[Sheet], asked: Mapping[str, Any], when: str
) -> Mapping[str, Any] | HttpResponse:
    """The page, or the same lines and columns as a file."""
    form = export_form(request)
    if form:
        return saved(form, name, [sheet.table() for sheet in sheets])
    parts = [{"sheet": sheet, "companies": entry["companies"]} for sheet, entry in zip(sheets, entries, strict=False)]
    return {"entries": entries, "parts": parts, "when": when, **asked}
