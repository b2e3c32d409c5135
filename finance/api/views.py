"""The statements over HTTP. Each answer is one entry, or ``{"entries": [...]}`` where companies have different currencies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, ClassVar, cast

from django.db import OperationalError
from django.db.backends.utils import CursorWrapper
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.utils.urls import replace_query_param

from finance import items, queries
from finance.api import parameters as given
from finance.api import serializers as shapes
from finance.api.exports import XLSX, export
from finance.definitions import BUCKETS, KINDS
from finance.money import rendered
from finance.periods import MONTHS, Compare, Period, Step
from finance.scope import Company, Group, UnknownCompany, UnknownCurrency, companies, groups
from ipai.access.problems import Problem, invalid
from ipai.access.sessions import governed
from ipai.access.views import TenantView
from ipai.clock import now

SCOPE = ("company", "connector", "currency")
COMPARES = ("previous_period", "previous_year")


def answers(name: str, shape: type[Serializer[Any]]) -> dict[tuple[int, str], Any]:
    """The forms of an answer, for the description of the API."""
    several = type(f"{shape.__name__}Entries", (Serializer,), {"entries": shape(many=True)})
    body = PolymorphicProxySerializer(f"{name}Answer", [shape, several], resource_type_field_name=None)
    return {(200, "application/json"): body, (200, "text/csv"): OpenApiTypes.STR, (200, XLSX): OpenApiTypes.BINARY}


class FinanceView(TenantView):
    """A figure read with the caller's rights, which the database decides."""

    needs: ClassVar = "view_finance"

    @contextmanager
    def session(self, request: Request) -> Iterator[CursorWrapper]:
        """A cursor of the caller in the tenant that was asked for."""
        try:
            with governed(self.claims(request)) as cursor:
                yield cursor
        except OperationalError as error:
            raise Problem(503, "The database took too long or went away; try again", "database") from error

    def companies(self, cursor: CursorWrapper, request: Request) -> list[Company]:
        """Those that the parameters name."""
        params = request.query_params
        company, connector = given.a_number(params, "company"), given.a_text(params, "connector")
        try:
            return companies(cursor, company, connector)
        except UnknownCompany:
            name = "company" if company is not None else "connector"
            raise invalid({name: f"There is no such {name} with figures"}) from None

    def groups(self, cursor: CursorWrapper, request: Request, day: date) -> list[Group]:
        """The companies to add up; none where nothing is loaded."""
        try:
            return groups(cursor, self.companies(cursor, request), day, given.a_text(request.query_params, "currency"))
        except UnknownCurrency:
            raise invalid({"currency": "A connector does not know this currency"}) from None

    def today(self, request: Request, name: str = "as_of") -> date:
        """The day that is asked for, else today."""
        return given.a_date(request.query_params, name, now().date())

    def span(self, cursor: CursorWrapper, request: Request) -> tuple[Period, list[Group]]:
        """``from`` and ``to``, by default the fiscal year to date, and the companies."""
        last = self.today(request, "to")
        found = self.groups(cursor, request, last)
        year = found[0].companies[0].fiscal_year_start(last) if found else date(last.year, 1, 1)
        first = given.a_date(request.query_params, "from", year)
        if first > last:
            raise invalid({"from": "The first day comes after the last"})
        return Period(first, last), found

    def reply(self, request: Request, entries: list[dict[str, Any]], name: str) -> Response | HttpResponse:
        """The one entry or all, in the form that is asked for."""
        form = given.a_choice(request.query_params, "format", given.FORMATS, "json")
        shown = [rendered(entry) for entry in entries]
        if form != "json":
            return export(cast(str, form), name, entries)
        return Response(shown[0] if len(shown) == 1 else {"entries": shown})


class ProfitAndLoss(FinanceView):
    """Income and expense by period."""

    parameters: ClassVar = (*SCOPE, "from", "to", "period", "compare", "format")

    @extend_schema(
        operation_id="get_profit_and_loss",
        summary="Profit and loss",
        parameters=[
            *given.SCOPE,
            *given.RANGE,
            given.described("period", "Cut at calendar months, or at quarters or years of the fiscal year.", tuple(MONTHS)),
            given.described("compare", "Add `comparison`: the same of the days before, or of a year before.", COMPARES),
            given.FORMAT,
        ],
        responses=answers("ProfitAndLoss", shapes.ProfitAndLoss),
    )
    def get(self, request: Request) -> Response | HttpResponse:
        step = cast(Step | None, given.a_choice(request.query_params, "period", tuple(MONTHS)))
        compare = cast(Compare | None, given.a_choice(request.query_params, "compare", COMPARES))
        with self.session(request) as cursor:
            whole, found = self.span(cursor, request)
            try:
                entries = queries.profit_and_loss(cursor, found, whole, step, compare)
            except ValueError as error:
                raise invalid({"period": str(error)}) from None
        return self.reply(request, entries, "profit-and-loss")


class BalanceSheet(FinanceView):
    """Assets, liabilities and equity on a day."""

    parameters: ClassVar = (*SCOPE, "as_of", "format")

    @extend_schema(
        operation_id="get_balance_sheet",
        summary="Balance sheet",
        parameters=[*given.SCOPE, given.AS_OF, given.FORMAT],
        responses=answers("BalanceSheet", shapes.BalanceSheet),
    )
    def get(self, request: Request) -> Response | HttpResponse:
        day = self.today(request)
        with self.session(request) as cursor:
            entries = queries.balance_sheet(cursor, self.groups(cursor, request, day), day)
        return self.reply(request, entries, "balance-sheet")


class TrialBalance(FinanceView):
    """Every account on a day."""

    parameters: ClassVar = (*SCOPE, "as_of", "format")

    @extend_schema(
        operation_id="get_trial_balance",
        summary="Trial balance",
        parameters=[*given.SCOPE, given.AS_OF, given.FORMAT],
        responses=answers("TrialBalance", shapes.TrialBalance),
    )
    def get(self, request: Request) -> Response | HttpResponse:
        day = self.today(request)
        with self.session(request) as cursor:
            entries = queries.trial_balance(cursor, self.groups(cursor, request, day), day)
        return self.reply(request, entries, "trial-balance")


class Cashflow(FinanceView):
    """Cash in and out."""

    parameters: ClassVar = (*SCOPE, "from", "to", "format")

    @extend_schema(
        operation_id="get_cashflow",
        summary="Cash flow",
        parameters=[*given.SCOPE, *given.RANGE, given.FORMAT],
        responses=answers("Cashflow", shapes.Cashflow),
    )
    def get(self, request: Request) -> Response | HttpResponse:
        with self.session(request) as cursor:
            whole, found = self.span(cursor, request)
            entries = queries.cashflow(cursor, found, whole)
        return self.reply(request, entries, "cashflow")


class Aging(FinanceView):
    """What is open, by how late it is."""

    parameters: ClassVar = (*SCOPE, "as_of", "kind", "by", "only", "format")

    @extend_schema(
        operation_id="get_aging",
        summary="Aged receivables and payables",
        parameters=[
            *given.SCOPE,
            given.AS_OF,
            given.described("kind", "Owed to us (the default) or by us.", tuple(KINDS)),
            given.described("by", "What `partners` is by.", ("partner",)),
            given.described("only", "Leave credit notes, payments and other entries out.", ("invoices",)),
            given.FORMAT,
        ],
        responses=answers("Aging", shapes.Aging),
    )
    def get(self, request: Request) -> Response | HttpResponse:
        params, day = request.query_params, self.today(request)
        kind = cast(str, given.a_choice(params, "kind", tuple(KINDS), "receivable"))
        given.a_choice(params, "by", ("partner",))
        only = given.a_choice(params, "only", ("invoices",))
        with self.session(request) as cursor:
            entries = queries.aging(cursor, self.groups(cursor, request, day), kind, day, only_invoices=bool(only))
        return self.reply(request, entries, f"aging-{kind}")


class OpenItems(FinanceView):
    """The journal items that are open."""

    parameters: ClassVar = ("company", "connector", "as_of", "kind", "partner", "bucket", "only", "limit", "cursor")

    @extend_schema(
        operation_id="list_open_items",
        summary="Open items",
        parameters=[
            *given.SCOPE[:2],
            given.AS_OF,
            given.described("kind", "Owed to us or by us; both unless told.", tuple(KINDS)),
            given.described("partner", "A partner's id in Odoo.", kind=int),
            given.described("bucket", "How late.", BUCKETS),
            given.described("only", "Leave credit notes, payments and other entries out.", ("invoices",)),
            given.described("limit", f"How many on a page, 1 to {given.LONGEST_PAGE}; 100 unless told.", kind=int),
            given.described("cursor", "From next."),
        ],
        responses=shapes.OpenItems,
    )
    def get(self, request: Request) -> Response:
        params, day, limit = request.query_params, self.today(request), given.a_limit(request.query_params)
        kind = given.a_choice(params, "kind", tuple(KINDS))
        bucket, only = given.a_choice(params, "bucket", BUCKETS), given.a_choice(params, "only", ("invoices",))
        partner, place = given.a_number(params, "partner"), given.a_place(params)
        with self.session(request) as cursor:
            found = self.companies(cursor, request)
            rows = items.open_items(
                cursor,
                found,
                day,
                (kind,) if kind else tuple(KINDS),
                partner=partner,
                bucket=bucket,
                only_invoices=bool(only),
                after=place,
                limit=limit + 1,
            )
        place_after = given.cursor_of(rows[limit - 1]) if len(rows) > limit else None
        more = replace_query_param(request.build_absolute_uri(), "cursor", place_after) if place_after else None
        return Response({"as_of": day.isoformat(), "next": more, "results": rendered(rows[:limit])})
