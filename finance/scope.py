"""Which companies a figure is of, which of them are added up, and in which currency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from finance.periods import fiscal_year_start

COMPANIES = """
SELECT c._connector_id, coalesce(config.name, ''), c.id, coalesce(c.name, ''), c.currency, c.decimals, c.fiscalyear_last_month,
       c.fiscalyear_last_day, c.currency_id
FROM ipai_gold_erp.companies AS c
LEFT JOIN public.ipai_connector_config AS config ON config.id = c._connector_id
WHERE (%(company)s::bigint IS NULL OR c.id = %(company)s)
  AND (%(connector)s::text IS NULL OR config.name = %(connector)s OR c._connector_id::text = %(connector)s)
  AND (%(company)s::bigint IS NOT NULL OR EXISTS (
      SELECT FROM ipai_gold_erp.account_months AS m WHERE m._connector_id = c._connector_id AND m.company_id = c.id
  ))
ORDER BY config.name, c.id
"""
# As Odoo finds a rate: the newest up to the day, the company's own before those of all companies; else the first one later.
RATES = """
SELECT u.id = %(own)s, u.code = %(code)s, u.decimals, coalesce((
    SELECT r.rate FROM ipai_gold_erp.currency_rates AS r
    WHERE r._connector_id = u._connector_id AND r.currency_id = u.id AND (r.company_id = %(company)s OR r.company_id IS NULL)
    ORDER BY r.date > %(day)s, r.company_id NULLS LAST, abs(r.date - %(day)s)
    LIMIT 1
), 1)
FROM ipai_gold_erp.currencies AS u WHERE u._connector_id = %(connector)s AND (u.id = %(own)s OR u.code = %(code)s)
"""


class UnknownCompany(LookupError):
    """No such company (or connector) that the caller may see."""


class UnknownCurrency(LookupError):
    """No such currency in the connectors that are asked for."""


@dataclass(frozen=True, slots=True)
class Company:
    """A company of one connector, in its own currency. ``year_end`` is (month, day)."""

    connector_id: UUID
    connector: str
    id: int
    name: str
    currency: str
    decimals: int
    year_end: tuple[int, int]
    currency_id: int | None

    @property
    def key(self) -> tuple[UUID, int]:
        """What tells it from every other company."""
        return self.connector_id, self.id

    def fiscal_year_start(self, day: date) -> date:
        """The first day of its fiscal year that this day lies in."""
        return fiscal_year_start(day, *self.year_end)


@dataclass(frozen=True, slots=True)
class Group:
    """Companies whose figures are added up in one currency. ``rates`` multiply each company's amounts."""

    currency: str
    decimals: int
    companies: Sequence[Company]
    rates: dict[tuple[UUID, int], Decimal] = field(default_factory=dict)

    def factor(self, connector: UUID, company: int) -> Decimal:
        """What an amount of this company is multiplied by."""
        return self.rates.get((connector, company), Decimal(1))

    @property
    def keys(self) -> dict[str, list[Any]]:
        """The companies as two arrays, for statements."""
        return {"connectors": [c.connector_id for c in self.companies], "companies": [c.id for c in self.companies]}

    @property
    def year_end(self) -> tuple[int, int]:
        """The end of the fiscal year, of the first company where they differ."""
        return self.companies[0].year_end

    def name_of(self, connector: UUID) -> str:
        """The name of a connector that loads one of the companies."""
        return next((c.connector for c in self.companies if c.connector_id == connector), "")

    def told(self) -> list[dict[str, Any]]:
        """The companies for an answer."""
        return [{"connector": c.connector, "company_id": c.id, "name": c.name, "currency": c.currency} for c in self.companies]


def companies(cursor: CursorWrapper, company: int | None = None, connector: str | None = None) -> list[Company]:
    """The companies with figures that the cursor's caller sees. Raises UnknownCompany when one is named that is not there."""
    cursor.execute(COMPANIES, {"company": company, "connector": connector})
    found = [Company(row[0], row[1], row[2], row[3], row[4], row[5], (row[6], row[7]), row[8]) for row in cursor.fetchall()]
    if not found and (company is not None or connector is not None):
        raise UnknownCompany
    return found


def groups(cursor: CursorWrapper, found: Iterable[Company], day: date, currency: str | None = None) -> list[Group]:
    """One group for each currency; with ``currency`` one for all, converted at the rates of the day.

    Raises UnknownCurrency for one that a connector does not have.
    """
    if currency is None:
        by_currency: dict[str, list[Company]] = {}
        for company in found:
            by_currency.setdefault(company.currency, []).append(company)
        return [Group(code, max(c.decimals for c in members), members) for code, members in by_currency.items()]
    members = list(found)
    rates, decimals = {}, 2
    for company in members:
        rates[company.key], decimals = _rate(cursor, company, day, currency)
    return [Group(currency, decimals, members, rates)] if members else []


def _rate(cursor: CursorWrapper, company: Company, day: date, currency: str) -> tuple[Decimal, int]:
    """What one unit of the company's currency is worth in another one, and that one's decimals."""
    values: dict[str, Any] = {"connector": company.connector_id, "company": company.id, "own": company.currency_id}
    values |= {"day": day, "code": currency}
    cursor.execute(RATES, values)
    rows = cursor.fetchall()
    own = next((rate for is_own, _, _, rate in rows if is_own), Decimal(1))
    for _, is_wanted, decimals, rate in rows:
        if is_wanted:
            return rate / own, decimals
    raise UnknownCurrency
