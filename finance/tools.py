"""What follows a load of the ledger, and the tools that agents may call. Their cursor holds the caller's rights."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from django.db.backends.utils import CursorWrapper
from pydantic import Field

from finance import items, queries
from finance.definitions import KINDS
from finance.money import rendered
from finance.periods import Compare, Period, Step
from finance.reconciliation import tools as reconciliation
from finance.scope import Group, companies, groups
from finance.services import refresh
from ipai.clock import now
from ipai.toolkit import Load, after_load, tool

GOLD = ("ipai_gold_erp",)
reconciliation_suggestions = reconciliation.reconciliation_suggestions
Entries = list[dict[str, Any]]
Company = Annotated[int | None, Field(description="A company's id in Odoo; all companies without it")]
Currency = Annotated[str | None, Field(description="Convert everything into this currency, e.g. EUR; else one entry per currency")]
Day = Annotated[date | None, Field(description="At the end of this day; today without it")]
First = Annotated[date | None, Field(description="First day; that of the fiscal year without it")]
Last = Annotated[date | None, Field(description="Last day; today without it")]
Kind = Literal["receivable", "payable"]


@after_load("ipai_bronze_erp")
def refresh_gold(load: Load) -> None:
    """Bring the connector's figures up to date."""
    refresh(load.connector_id, load.tenant_id)


@tool(schemas=GOLD)
def profit_and_loss(
    cursor: CursorWrapper,
    first: First = None,
    last: Last = None,
    period: Step | None = None,
    compare: Compare | None = None,
    company: Company = None,
    currency: Currency = None,
) -> Entries:
    """Profit and loss by period and account, one entry per currency; proof says whether the figures equal Odoo."""
    whole, found = _span(cursor, first, last, company, currency)
    return _shown(queries.profit_and_loss(cursor, found, whole, period, compare))


@tool(schemas=GOLD)
def balance_sheet(cursor: CursorWrapper, as_of: Day = None, company: Company = None, currency: Currency = None) -> Entries:
    """Balance sheet on a day: by account type, totals, earnings of this and earlier years, accounts; with proof."""
    day = as_of or now().date()
    return _shown(queries.balance_sheet(cursor, _groups(cursor, company, currency, day), day))


@tool(schemas=GOLD)
def trial_balance(cursor: CursorWrapper, as_of: Day = None, company: Company = None, currency: Currency = None) -> Entries:
    """Debit, credit and balance of every account on a day; with proof."""
    day = as_of or now().date()
    return _shown(queries.trial_balance(cursor, _groups(cursor, company, currency, day), day))


@tool(schemas=GOLD)
def cashflow(
    cursor: CursorWrapper, first: First = None, last: Last = None, company: Company = None, currency: Currency = None
) -> Entries:
    """Cash flow by the direct method: opening, operating, investing and financing by account, closing; with proof."""
    whole, found = _span(cursor, first, last, company, currency)
    return _shown(queries.cashflow(cursor, found, whole))


@tool(schemas=GOLD)
def aging(
    cursor: CursorWrapper,
    kind: Kind = "receivable",
    as_of: Day = None,
    only_invoices: Annotated[bool, Field(description="Leave credit notes, payments and other entries out")] = False,
    company: Company = None,
    currency: Currency = None,
) -> Entries:
    """What is open on a day by partner and by days late, owed to us (receivable) or by us (payable), both positive; with proof."""
    day = as_of or now().date()
    found = _groups(cursor, company, currency, day)
    return _shown(queries.aging(cursor, found, kind, day, only_invoices=only_invoices))


@tool(schemas=GOLD)
def open_items(
    cursor: CursorWrapper,
    kind: Kind | None = None,
    as_of: Day = None,
    partner: Annotated[int | None, Field(description="A partner's id in Odoo")] = None,
    company: Company = None,
    limit: Annotated[int, Field(ge=1, le=500, description="How many at most")] = 100,
) -> Entries:
    """Open invoices, bills, credit notes and payments on a day, the longest due first, each with its document in Odoo."""
    kinds = (kind,) if kind else tuple(KINDS)
    found = companies(cursor, company)
    return _shown(items.open_items(cursor, found, as_of or now().date(), kinds, partner=partner, limit=limit))


def _groups(cursor: CursorWrapper, company: int | None, currency: str | None, day: date) -> list[Group]:
    return groups(cursor, companies(cursor, company), day, currency)


def _span(
    cursor: CursorWrapper, first: date | None, last: date | None, company: int | None, currency: str | None
) -> tuple[Period, list[Group]]:
    """The days and the companies; from the first day of the fiscal year unless told."""
    end = last or now().date()
    found = _groups(cursor, company, currency, end)
    begin = found[0].companies[0].fiscal_year_start(end) if found else date(end.year, 1, 1)
    return Period(first or begin, end), found


def _shown(entries: Entries) -> Entries:
    shown: Entries = rendered(entries)
    return shown
