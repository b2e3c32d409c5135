"""The statements: what the console, the API and the tools show. Every cursor here holds its caller's rights.

Each function answers with a list of entries, one for each currency, in the shapes of the API (docs/finance.md); amounts are
Decimals in the entry's currency, and :func:`finance.money.rendered` makes them text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import Any

from django.db.backends.utils import CursorWrapper

from finance.definitions import ASSETS, BUCKETS, CREDIT, EQUITY, KINDS, LIABILITIES, RESULT, SECTIONS
from finance.money import money
from finance.periods import DAY, Compare, Period, Step, compared, split
from finance.proof import proof
from finance.scope import Group

Entry = dict[str, Any]
NONE = Decimal(0)
WANTED = "unnest(%(connectors)s::uuid[], %(companies)s::bigint[]) AS w (connector, company)"
BEGIN = date(1, 1, 1)

PERIODS = f"""
SELECT p.number, w.connector, w.company, a.id, a.code, a.name, a.account_type, m.balance
FROM {WANTED}
CROSS JOIN unnest(%(firsts)s::date[], %(lasts)s::date[]) WITH ORDINALITY AS p (first, last, number)
CROSS JOIN LATERAL ipai_gold_erp.movements(w.connector, w.company, p.first, p.last) AS m
JOIN ipai_gold_erp.accounts AS a ON a._connector_id = w.connector AND a.id = m.account_id
WHERE a.account_type = ANY (%(types)s)
ORDER BY p.number, a.code, a.id
"""  # noqa: S608
BALANCES = """
SELECT w.connector, w.company, m.account_id, coalesce(a.code, ''), coalesce(a.name, ''), coalesce(a.account_type, ''),
       m.debit, m.credit, m.balance, coalesce(before.balance, 0)
FROM unnest(%(connectors)s::uuid[], %(companies)s::bigint[], %(years)s::date[]) AS w (connector, company, first)
CROSS JOIN LATERAL ipai_gold_erp.movements(w.connector, w.company, '0001-01-01', %(as_of)s) AS m
LEFT JOIN ipai_gold_erp.movements(w.connector, w.company, '0001-01-01', w.first - 1) AS before ON before.account_id = m.account_id
LEFT JOIN ipai_gold_erp.accounts AS a ON a._connector_id = w.connector AND a.id = m.account_id
ORDER BY a.code, a.id
"""
CASH = f"""
SELECT w.connector, w.company, m.account_id, coalesce(a.code, ''), coalesce(a.name, ''), coalesce(a.account_type, ''),
       ipai_gold_erp.cash_section(coalesce(a.account_type, ''), a.cash_section), m.cash, m.balance, m.opening
FROM {WANTED}
CROSS JOIN LATERAL (
    SELECT account_id, sum(cash) AS cash, sum(balance) AS balance, sum(opening) AS opening FROM (
        SELECT account_id, cash, balance, 0 AS opening FROM ipai_gold_erp.movements(w.connector, w.company, %(first)s, %(last)s)
        UNION ALL
        SELECT account_id, 0, 0, balance FROM ipai_gold_erp.movements(w.connector, w.company, '0001-01-01', %(before)s)
    ) AS part GROUP BY account_id
) AS m
LEFT JOIN ipai_gold_erp.accounts AS a ON a._connector_id = w.connector AND a.id = m.account_id
WHERE m.cash <> 0 OR a.account_type = 'asset_cash'
ORDER BY a.code, a.id
"""  # noqa: S608
AGING = f"""
SELECT s.connector, s.company, s.partner_id, p.name, u.code, u.decimals, s.bucket, s.residual, s.residual_currency, s.items
FROM (
    SELECT w.connector, w.company, o.partner_id, o.currency_id, ipai_gold_erp.aging_bucket(%(as_of)s, o.due) AS bucket,
           sum(o.residual) AS residual, sum(o.residual_currency) AS residual_currency, count(*) AS items
    FROM {WANTED}
    CROSS JOIN LATERAL ipai_gold_erp.open_at(w.connector, w.company, %(kind)s, %(as_of)s) AS o
    WHERE o.is_invoice OR NOT %(only_invoices)s
    GROUP BY w.connector, w.company, o.partner_id, o.currency_id, bucket
) AS s
LEFT JOIN ipai_gold_erp.partners AS p ON p._connector_id = s.connector AND p.id = s.partner_id
LEFT JOIN ipai_gold_erp.currencies AS u ON u._connector_id = s.connector AND u.id = s.currency_id
"""  # noqa: S608
CONTROL = f"""
SELECT w.connector, w.company, sum(m.balance)
FROM {WANTED}
CROSS JOIN LATERAL ipai_gold_erp.movements(w.connector, w.company, '0001-01-01', %(as_of)s) AS m
JOIN ipai_gold_erp.accounts AS a ON a._connector_id = w.connector AND a.id = m.account_id
WHERE a.account_type = %(type)s
GROUP BY w.connector, w.company
"""  # noqa: S608


def profit_and_loss(
    cursor: CursorWrapper, groups: Iterable[Group], whole: Period, step: Step | None = None, compare: Compare | None = None
) -> list[Entry]:
    """Income and expense by period and account. ``comparison`` holds what each period is compared with, in the same order.

    Raises ValueError for too many periods.
    """
    entries = []
    for group in groups:
        periods = split(whole, step, group.year_end)
        entry = _head(group) | {"from": whole.first, "to": whole.last, "period": step, "proof": proof(cursor, group)}
        entry["periods"] = _results(cursor, group, periods)
        if compare:
            entry["compare"] = compare
            entry["comparison"] = _results(cursor, group, [compared(period, compare) for period in periods])
        entries.append(entry)
    return entries


def _results(cursor: CursorWrapper, group: Group, periods: Sequence[Period]) -> list[Entry]:
    """Totals and accounts of each period."""
    listed = {"firsts": [period.first for period in periods], "lasts": [period.last for period in periods]}
    cursor.execute(PERIODS, group.keys | listed | {"types": list(RESULT)})
    sums = [dict.fromkeys(RESULT, NONE) for _ in periods]
    accounts: list[list[Entry]] = [[] for _ in periods]
    for number, connector, company, account, code, name, kind, balance in cursor.fetchall():
        amount = _usual(kind, balance) * group.factor(connector, company)
        sums[number - 1][kind] += amount
        accounts[number - 1].append(_account(group.name_of(connector), account, code, name, kind, company) | {"amount": amount})
    return [
        {"from": period.first, "to": period.last, "totals": totals(found), "accounts": rows}
        for period, found, rows in zip(periods, sums, accounts, strict=True)
    ]


def totals(sums: dict[str, Decimal]) -> dict[str, Decimal]:
    """The lines of a profit and loss statement from its sums by account type."""
    line = {RESULT[kind]: amount for kind, amount in sums.items()}
    gross = line["income"] - line["direct_cost"]
    operating = gross - line["expense"] - line["depreciation"]
    return {
        "income": line["income"],
        "direct_cost": line["direct_cost"],
        "gross_profit": gross,
        "expense": line["expense"],
        "depreciation": line["depreciation"],
        "operating_income": operating,
        "other_income": line["other_income"],
        "other_expense": line["other_expense"],
        "net_profit": operating + line["other_income"] - line["other_expense"],
    }


def balance_sheet(cursor: CursorWrapper, groups: Iterable[Group], as_of: date) -> list[Entry]:
    """Assets, liabilities and equity at the end of a day; earnings are computed for each company's own fiscal year."""
    entries = []
    for group in groups:
        by_type = dict.fromkeys((*ASSETS, *LIABILITIES, *EQUITY), NONE)
        earned = {"current_year_earnings": NONE, "prior_years_earnings": NONE}
        off_balance, accounts = NONE, list[Entry]()
        for row, _, _, balance, before in _balances(cursor, group, as_of):
            kind = row["account_type"]
            if kind in RESULT:
                earned["current_year_earnings"] -= balance - before
                earned["prior_years_earnings"] -= before
            elif kind in by_type:
                by_type[kind] += _usual(kind, balance)
                accounts.append(row | {"amount": _usual(kind, balance)})
            else:
                off_balance += balance
        assets, liabilities = (sum((by_type[kind] for kind in kinds), NONE) for kinds in (ASSETS, LIABILITIES))
        equity = sum((by_type[kind] for kind in EQUITY), NONE) + sum(earned.values())
        checks = [_check("balance_sheet", assets, liabilities + equity, group)]
        entries.append(
            _head(group)
            | {"as_of": as_of, "proof": proof(cursor, group, checks), "by_type": by_type}
            | {"totals": {"assets": assets, "liabilities": liabilities, "equity": equity} | earned}
            | {"off_balance": off_balance, "accounts": accounts}
        )
    return entries


def trial_balance(cursor: CursorWrapper, groups: Iterable[Group], as_of: date) -> list[Entry]:
    """Debit, credit and balance of every account that has journal items up to and with the day."""
    entries = []
    for group in groups:
        rows, sums = list[Entry](), {"debit": NONE, "credit": NONE, "balance": NONE}
        for row, debit, credit, balance, _ in _balances(cursor, group, as_of):
            figures = {"debit": debit, "credit": credit, "balance": balance}
            rows.append(row | figures)
            sums = {name: sums[name] + figures[name] for name in sums}
        checks = [_check("trial_balance", sums["debit"], sums["credit"], group)]
        entries.append(_head(group) | {"as_of": as_of, "proof": proof(cursor, group, checks), "rows": rows, "totals": sums})
    return entries


def _balances(cursor: CursorWrapper, group: Group, as_of: date) -> list[tuple[Entry, Decimal, Decimal, Decimal, Decimal]]:
    """For each account: itself, debit, credit, balance, and its balance before the fiscal year."""
    years = [company.fiscal_year_start(as_of) for company in group.companies]
    cursor.execute(BALANCES, group.keys | {"as_of": as_of, "years": years})
    found = []
    for connector, company, account, code, name, kind, *figures in cursor.fetchall():
        rate = group.factor(connector, company)
        debit, credit, balance, before = (figure * rate for figure in figures)
        found.append((_account(group.name_of(connector), account, code, name, kind, company), debit, credit, balance, before))
    return found


def cashflow(cursor: CursorWrapper, groups: Iterable[Group], whole: Period) -> list[Entry]:
    """Cash in and out by the accounts that stand against it (direct method); what moves between cash accounts cancels."""
    entries = []
    for group in groups:
        sections, rows = dict.fromkeys(SECTIONS, NONE), list[Entry]()
        opening = change = NONE
        cursor.execute(CASH, group.keys | {"first": whole.first, "last": whole.last, "before": max(whole.first - DAY, BEGIN)})
        for connector, company, account, code, name, kind, section, cash, balance, before in cursor.fetchall():
            rate = group.factor(connector, company)
            if kind == "asset_cash":
                opening, change = opening + before * rate, change + balance * rate
            elif cash:
                sections[section] += cash * rate
                found = _account(group.name_of(connector), account, code, name, kind, company)
                rows.append({"section": section, **found, "amount": cash * rate})
        net = sum(sections.values(), NONE)
        rows.sort(key=lambda row: (SECTIONS.index(row["section"]), row["code"]))
        checks = [_check("cashflow", opening + net, opening + change, group)]
        entries.append(
            _head(group)
            | {"from": whole.first, "to": whole.last, "proof": proof(cursor, group, checks)}
            | {"opening": opening, "closing": opening + change, "net": net, "sections": sections, "rows": rows}
        )
    return entries


def cash_series(cursor: CursorWrapper, groups: Iterable[Group], periods: Sequence[Period]) -> list[Entry]:
    """For charts: how much cash there was before the first of these periods, and at the end of each. They follow each other."""
    entries = []
    for group in groups:
        days = {"firsts": [BEGIN, *(one.first for one in periods)], "lasts": [max(periods[0].first - DAY, BEGIN)]}
        days["lasts"] += [one.last for one in periods]
        changes = [NONE] * len(days["firsts"])
        cursor.execute(PERIODS, group.keys | days | {"types": ["asset_cash"]})
        for number, connector, company, _, _, _, _, balance in cursor.fetchall():
            changes[number - 1] += balance * group.factor(connector, company)
        closings = list(accumulate(changes))
        shown = [{"from": one.first, "to": one.last, "closing": cash} for one, cash in zip(periods, closings[1:], strict=True)]
        entries.append(_head(group) | {"opening": closings[0], "periods": shown})
    return entries


def aging(
    cursor: CursorWrapper,
    groups: Iterable[Group],
    kind: str,
    as_of: date,
    *,
    only_invoices: bool = False,
    documents: str | None = None,
) -> list[Entry]:
    """What was open at the end of a day, by how late it was: in all, by partner (most overdue first) and by document currency.

    ``documents`` leaves those of other currencies out of the figures, which are then in that currency.
    """
    sign = -1 if kind == "payable" else 1
    entries = []
    for group in groups:
        values: dict[str, Any] = group.keys | {"kind": kind, "as_of": as_of, "only_invoices": only_invoices, "type": KINDS[kind]}
        whole, partners, currencies = _empty(), dict[Any, Entry](), dict[str, Entry]()
        cursor.execute(AGING, values)
        for connector, company, partner, name, code, decimals, bucket, residual, foreign, items in cursor.fetchall():
            coin = currencies.setdefault(code or "", _empty() | {"decimals": decimals if decimals is not None else group.decimals})
            _add(coin, bucket, sign * foreign, items)
            if documents not in (None, code):
                continue
            owed = sign * (residual * group.factor(connector, company) if documents is None else foreign)
            where = {"connector": group.name_of(connector), "partner_id": partner, "partner": name or ""}
            known = partners.setdefault((connector, partner), where | _empty())
            for one in (whole, known):
                _add(one, bucket, owed, items)
        partly = only_invoices or documents is not None
        checks = [] if partly else [_check(kind, whole["total"], sign * _control(cursor, group, values), group)]
        shown = {"currency": documents, "decimals": currencies[documents]["decimals"]} if documents in currencies else {}
        entries.append(
            _head(group)
            | shown
            | {"as_of": as_of, "kind": kind, "only": "invoices" if only_invoices else None, "proof": proof(cursor, group, checks)}
            | whole
            | {"currencies": {code: money_of(coin) for code, coin in sorted(currencies.items())}}
            | {"partners": sorted(partners.values(), key=lambda p: (p["buckets"]["not_due"] - p["total"], p["partner"]))}
        )
    return entries


def _control(cursor: CursorWrapper, group: Group, values: dict[str, Any]) -> Decimal:
    """The balance of the control accounts on the day."""
    cursor.execute(CONTROL, values)
    return sum((balance * group.factor(connector, company) for connector, company, balance in cursor.fetchall()), NONE)


def _empty() -> Entry:
    return {"buckets": dict.fromkeys(BUCKETS, NONE), "total": NONE, "items": 0}


def _add(to: Entry, bucket: str, amount: Decimal, items: int) -> None:
    to["buckets"][bucket] += amount
    to["total"] += amount
    to["items"] += items


def money_of(coin: Entry) -> Entry:
    """Amounts in a currency of their own, as text with its decimals."""
    decimals = coin["decimals"]
    buckets = {name: money(amount, decimals) for name, amount in coin["buckets"].items()}
    return {"buckets": buckets, "total": money(coin["total"], decimals), "items": coin["items"]}


def _head(group: Group) -> Entry:
    return {"currency": group.currency, "decimals": group.decimals, "companies": group.told()}


def _account(connector: str, account: int, code: str, name: str, kind: str, company: int) -> Entry:
    where = {"connector": connector, "company_id": company}
    return {"account_id": account, **where, "code": code, "name": name, "account_type": kind}


def _usual(kind: str, balance: Decimal) -> Decimal:
    """A balance with the sign that people expect of this type of account."""
    return -balance if kind in CREDIT else balance


def _check(gate: str, one: Decimal, other: Decimal, group: Group) -> Entry:
    """A gate of this very answer: two figures that must be equal in its currency."""
    difference = one - other
    smallest = Decimal(1).scaleb(-group.decimals)
    return {"gate": gate, "difference": difference, "holds": abs(difference) < smallest / 2}
