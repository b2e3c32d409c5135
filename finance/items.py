"""Journal items: what is open and what stands behind a figure, each with its document in Odoo. Cursors hold the caller's rights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from finance.money import money
from finance.scope import Company

# The address of the entry's form: the settings of the connector say where its Odoo is and which generation it is of.
URL = """rtrim(config.config ->> 'url', '/') || format(CASE config.config ->> 'api'
           WHEN 'json2' THEN '/odoo/account.move/%%s' ELSE '/web#id=%%s&model=account.move&view_type=form' END, i.move_id)"""
ITEM = f"""i._connector_id, coalesce(config.name, '') AS connector, i.company_id, c.currency AS company_currency, c.decimals,
       i.id AS item_id, i.move_id, i.move_name AS document, i.move_type, i.ref, i.label, i.account_id, a.code AS account_code,
       a.name AS account, i.partner_id, coalesce(p.name, '') AS partner, i.date, i.due, u.code AS currency,
       coalesce(u.decimals, c.decimals) AS currency_decimals, {URL} AS url"""
NAMES = """
LEFT JOIN public.ipai_connector_config AS config ON config.id = i._connector_id
JOIN ipai_gold_erp.companies AS c ON c._connector_id = i._connector_id AND c.id = i.company_id
LEFT JOIN ipai_gold_erp.accounts AS a ON a._connector_id = i._connector_id AND a.id = i.account_id
LEFT JOIN ipai_gold_erp.partners AS p ON p._connector_id = i._connector_id AND p.id = i.partner_id
LEFT JOIN ipai_gold_erp.currencies AS u ON u._connector_id = i._connector_id AND u.id = i.currency_id
"""
OPEN = f"""
WITH found AS (
    SELECT o._connector_id, o.item_id, o.kind, o.due, CASE o.kind WHEN 'payable' THEN -o.residual ELSE o.residual END AS residual,
           CASE o.kind WHEN 'payable' THEN -o.residual_currency ELSE o.residual_currency END AS residual_currency
    FROM unnest(%(connectors)s::uuid[], %(companies)s::bigint[]) AS w (connector, company)
    CROSS JOIN unnest(%(kinds)s::text[]) AS k (kind)
    CROSS JOIN LATERAL ipai_gold_erp.open_at(w.connector, w.company, k.kind, %(as_of)s) AS o
    WHERE (o.is_invoice OR NOT %(only_invoices)s)
      AND (%(partner)s::bigint IS NULL OR coalesce(o.partner_id, 0) = %(partner)s)
      AND (%(currency)s::text IS NULL OR EXISTS (
          SELECT FROM ipai_gold_erp.currencies AS u
          WHERE u._connector_id = o._connector_id AND u.id = o.currency_id AND u.code = %(currency)s
      ))
      AND (%(bucket)s::text IS NULL OR ipai_gold_erp.aging_bucket(%(as_of)s, o.due) = %(bucket)s)
      AND (%(after_due)s::date IS NULL
           OR (o.due, o._connector_id, o.item_id) > (%(after_due)s, %(after_connector)s::uuid, %(after_item)s))
    ORDER BY o.due, o._connector_id, o.item_id LIMIT %(limit)s
)
SELECT {ITEM}, o.kind, %(as_of)s - o.due AS days_late, ipai_gold_erp.aging_bucket(%(as_of)s, o.due) AS bucket, o.residual,
       o.residual_currency
FROM found AS o JOIN ipai_gold_erp.journal_items AS i ON i._connector_id = o._connector_id AND i.id = o.item_id {NAMES}
ORDER BY o.due, o._connector_id, o.item_id
"""  # noqa: S608
BEHIND = f"""
WITH found AS (
    SELECT * FROM ipai_gold_erp.journal_items
    WHERE _connector_id = %(connector)s AND company_id = %(company)s AND account_id = %(account)s
      AND date BETWEEN %(first)s AND %(last)s AND (cash <> 0 OR NOT %(only_cash)s)
      AND (%(after_date)s::date IS NULL OR (date, id) > (%(after_date)s, %(after_item)s))
    ORDER BY date, id LIMIT %(limit)s
)
SELECT {ITEM}, i.debit, i.credit, i.balance, i.amount_currency, i.cash, i.matching FROM found AS i {NAMES} ORDER BY i.date, i.id
"""  # noqa: S608

ACCOUNT = """
SELECT a.code, a.name, a.account_type, coalesce(sum(m.balance) FILTER (WHERE m.before), 0),
       coalesce(sum(m.debit) FILTER (WHERE NOT m.before), 0), coalesce(sum(m.credit) FILTER (WHERE NOT m.before), 0),
       coalesce(sum(m.cash) FILTER (WHERE NOT m.before), 0)
FROM ipai_gold_erp.accounts AS a
LEFT JOIN LATERAL (
    SELECT true AS before, account_id, debit, credit, balance, cash
    FROM ipai_gold_erp.movements(%(connector)s, %(company)s, '0001-01-01', %(first)s::date - 1)
    UNION ALL
    SELECT false, account_id, debit, credit, balance, cash
    FROM ipai_gold_erp.movements(%(connector)s, %(company)s, %(first)s, %(last)s)
) AS m ON m.account_id = a.id
WHERE a._connector_id = %(connector)s AND a.id = %(account)s
GROUP BY a.code, a.name, a.account_type
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of open items begins: after the item that this names."""

    due: date
    connector: UUID
    item: int


def open_items(
    cursor: CursorWrapper,
    companies: Sequence[Company],
    as_of: date,
    kinds: Sequence[str] = ("receivable", "payable"),
    *,
    partner: int | None = None,
    bucket: str | None = None,
    currency: str | None = None,
    only_invoices: bool = False,
    after: Place | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Items that were open at the end of a day, the longest due first. Amounts are text, each in its currency.

    ``partner`` 0: those without a partner; ``currency``: documents in this one.
    """
    values: dict[str, Any] = {
        "connectors": [company.connector_id for company in companies],
        "companies": [company.id for company in companies],
        "kinds": list(kinds),
        "as_of": as_of,
        "partner": partner,
        "bucket": bucket,
        "currency": currency,
        "only_invoices": only_invoices,
        "after_due": after and after.due,
        "after_connector": after and after.connector,
        "after_item": after and after.item,
        "limit": limit,
    }
    return _rows(cursor, OPEN, values)


def items_behind(
    cursor: CursorWrapper,
    company: Company,
    account: int,
    first: date,
    last: date,
    *,
    only_cash: bool = False,
    after: tuple[date, int] | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """The journal items of an account in these days, in order of (date, id); ``only_cash``: those that a cash flow counts."""
    values: dict[str, Any] = {
        "connector": company.connector_id,
        "company": company.id,
        "account": account,
        "first": first,
        "last": last,
        "only_cash": only_cash,
        "after_date": after and after[0],
        "after_item": after and after[1],
        "limit": limit,
    }
    return _rows(cursor, BEHIND, values)


def account_sums(cursor: CursorWrapper, company: Company, account: int, first: date, last: date) -> dict[str, Any] | None:
    """An account of a company: its names, its balance before these days and what moved in them; None: there is no such account."""
    cursor.execute(
        ACCOUNT, {"connector": company.connector_id, "company": company.id, "account": account, "first": first, "last": last}
    )
    found = cursor.fetchone()
    return found and dict(zip(("code", "name", "account_type", "opening", "debit", "credit", "cash"), found, strict=True))


def _rows(cursor: CursorWrapper, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    cursor.execute(statement, values)
    names = [column.name for column in cursor.description]
    return [_shown(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Amounts as text: those in the document's currency end in ``_currency``."""
    foreign, own = row.pop("currency_decimals"), row.pop("decimals")
    return {
        name: money(value, foreign if name in ("residual_currency", "amount_currency") else own)
        if isinstance(value, Decimal)
        else value
        for name, value in row.items()
        if name != "_connector_id"
    } | {"connector_id": str(row["_connector_id"])}
