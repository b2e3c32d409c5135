"""The shapes of the answers, for the description of the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.fields import Field

from finance.definitions import ASSETS, BUCKETS, EQUITY, LIABILITIES, SECTIONS

AMOUNT = "A decimal number as text, with the currency's decimals."


def amount() -> serializers.CharField:
    """An amount of money."""
    return serializers.CharField(help_text=AMOUNT)


def shape(name: str, fields: dict[str, Field[Any, Any, Any, Any]]) -> type[serializers.Serializer[Any]]:
    """A serializer with these fields; for names that are no Python names."""
    return type(name, (serializers.Serializer,), fields)


class ProofCheck(serializers.Serializer[Any]):
    """A gate. ``holds`` is null where it was never looked at; company_id where it is of the whole connector."""

    gate = serializers.CharField()
    what = serializers.CharField(help_text="What is so when it holds.")
    connector = serializers.CharField(required=False)
    company_id = serializers.IntegerField(allow_null=True, required=False)
    holds = serializers.BooleanField(allow_null=True)
    difference = serializers.CharField(allow_null=True, help_text=AMOUNT)
    detail = serializers.CharField(required=False)
    proven_at = serializers.DateTimeField(allow_null=True, required=False)


class Proof(serializers.Serializer[Any]):
    """Whether the figures can be trusted: ``gates`` as of the last refresh, ``checks`` of this very answer."""

    ok = serializers.BooleanField()
    proven_at = serializers.DateTimeField(allow_null=True, help_text="When what is loaded was last compared with Odoo.")
    gates = ProofCheck(many=True)
    checks = ProofCheck(many=True)
    differs = serializers.ListField(child=serializers.CharField(), help_text="What does not hold, one line each.")


class CompanyOut(serializers.Serializer[Any]):
    """A company whose figures are in an entry."""

    connector = serializers.CharField()
    company_id = serializers.IntegerField()
    name = serializers.CharField()
    currency = serializers.CharField()


class Statement(serializers.Serializer[Any]):
    """What all statements have: companies of one currency, added up."""

    currency = serializers.CharField()
    decimals = serializers.IntegerField()
    companies = CompanyOut(many=True)
    proof = Proof()


class Account(serializers.Serializer[Any]):
    connector = serializers.CharField()
    account_id = serializers.IntegerField()
    company_id = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField()
    account_type = serializers.CharField()


class AccountAmount(Account):
    amount = amount()


class ProfitAndLossTotals(serializers.Serializer[Any]):
    income = amount()
    direct_cost = amount()
    gross_profit = amount()
    expense = amount()
    depreciation = amount()
    operating_income = amount()
    other_income = amount()
    other_expense = amount()
    net_profit = amount()


ProfitAndLossPeriod = shape(
    "ProfitAndLossPeriod",
    {
        "from": serializers.DateField(),
        "to": serializers.DateField(),
        "totals": ProfitAndLossTotals(),
        "accounts": AccountAmount(many=True),
    },
)
_Days = shape("StatementDays", {"from": serializers.DateField(), "to": serializers.DateField()})


class ProfitAndLoss(_Days, Statement):  # type: ignore[misc,valid-type]
    """Income and expense; ``comparison`` holds what each period is compared with, in the same order."""

    period = serializers.CharField(allow_null=True)
    periods = ProfitAndLossPeriod(many=True)
    compare = serializers.CharField(required=False)
    comparison = ProfitAndLossPeriod(many=True, required=False)


class BalanceSheetTotals(serializers.Serializer[Any]):
    """Equity includes both earnings."""

    assets = amount()
    liabilities = amount()
    equity = amount()
    current_year_earnings = amount()
    prior_years_earnings = amount()


class BalanceSheet(Statement):
    as_of = serializers.DateField()
    by_type = shape("BalanceByType", {kind: amount() for kind in (*ASSETS, *LIABILITIES, *EQUITY)})()
    totals = BalanceSheetTotals()
    off_balance = amount()
    accounts = AccountAmount(many=True)


class TrialBalanceRow(Account):
    debit = amount()
    credit = amount()
    balance = amount()


class TrialBalanceTotals(serializers.Serializer[Any]):
    debit = amount()
    credit = amount()
    balance = amount()


class TrialBalance(Statement):
    as_of = serializers.DateField()
    rows = TrialBalanceRow(many=True)
    totals = TrialBalanceTotals()


class CashflowRow(AccountAmount):
    section = serializers.ChoiceField(choices=SECTIONS)


class Cashflow(_Days, Statement):  # type: ignore[misc,valid-type]
    """Cash at the begin, what came in (positive) and went out, cash at the end."""

    opening = amount()
    closing = amount()
    net = amount()
    sections = shape("CashflowSections", {section: amount() for section in SECTIONS})()
    rows = CashflowRow(many=True)


Buckets = shape("AgingBuckets", {bucket: amount() for bucket in BUCKETS})


class AgingSum(serializers.Serializer[Any]):
    buckets = Buckets()
    total = amount()
    items = serializers.IntegerField()


class AgingPartner(AgingSum):
    connector = serializers.CharField()
    partner_id = serializers.IntegerField(allow_null=True)
    partner = serializers.CharField()


class Aging(Statement):
    """Open items by how late they are; ``currencies`` says the same in the currencies of the documents."""

    as_of = serializers.DateField()
    kind = serializers.CharField()
    only = serializers.CharField(allow_null=True)
    buckets = Buckets()
    total = amount()
    items = serializers.IntegerField()
    currencies = serializers.DictField(child=AgingSum())
    partners = AgingPartner(many=True)


class OpenItem(serializers.Serializer[Any]):
    """A journal item; owed to us and owed by us are positive. ``url`` is its document in Odoo."""

    connector_id = serializers.UUIDField()
    connector = serializers.CharField()
    company_id = serializers.IntegerField()
    company_currency = serializers.CharField()
    kind = serializers.CharField()
    item_id = serializers.IntegerField()
    move_id = serializers.IntegerField()
    document = serializers.CharField()
    move_type = serializers.CharField()
    ref = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    account_id = serializers.IntegerField()
    account_code = serializers.CharField(allow_null=True)
    account = serializers.CharField(allow_null=True)
    partner_id = serializers.IntegerField(allow_null=True)
    partner = serializers.CharField()
    date = serializers.DateField()
    due = serializers.DateField()
    days_late = serializers.IntegerField()
    bucket = serializers.ChoiceField(choices=BUCKETS)
    residual = amount()
    currency = serializers.CharField(allow_null=True)
    residual_currency = amount()
    url = serializers.CharField(allow_null=True)


class OpenItems(serializers.Serializer[Any]):
    """A page of open items, the longest due first; ``next`` is the address of what follows."""

    as_of = serializers.DateField()
    next = serializers.URLField(allow_null=True)
    results = OpenItem(many=True)
