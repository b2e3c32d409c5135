"""The DevOps figures: rows of the gold tables under the caller's rights."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django.db import DataError, OperationalError
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from devops import queries
from devops.api import parameters as p
from devops.api import serializers as shapes
from devops.api.parameters import Parameter
from devops.definitions import DEFINITIONS
from devops.queries import MOST, Listing, Row
from ipai.access.problems import Problem, invalid
from ipai.access.sessions import governed
from ipai.access.views import TenantView

NO_CURSOR = {"cursor": "This is not a cursor of this list; take it from next"}


def same(row: Row) -> Row:
    return row


class GoldView(TenantView):
    """A list in the order of its key: ``{"rows", "next"}``."""

    needs: ClassVar = "view_devops"
    listing: ClassVar[Listing]
    filters: ClassVar[tuple[Parameter, ...]] = ()
    shape: ClassVar[Callable[[Row], Row]] = same
    more: ClassVar[dict[str, Any]] = {}

    def known_parameters(self) -> set[str]:
        return super().known_parameters() | {"limit", "cursor"} | {one.name for one in self.filters}

    def get(self, request: Request) -> Response:
        given, limit, after = self._given(request), self._limit(request), self._after(request)
        try:
            with governed(self.claims(request)) as cursor:
                found = self.chosen(given).rows(cursor, self.filtering(given), limit=limit + 1, after=after)
        except DataError:  # a cursor that somebody made up
            raise invalid(NO_CURSOR) from None
        except OperationalError as error:
            raise Problem(503, "The database took too long or went away; try again", "database") from error
        rows, more = found[:limit], len(found) > limit
        address = self._next(request, rows[-1]) if more else None
        return Response({**self.more, "rows": [type(self).shape(row) for row in rows], "next": address})

    def chosen(self, given: dict[str, Any]) -> Listing:
        """The list that the parameters ask for."""
        return self.listing

    def filtering(self, given: dict[str, Any]) -> dict[str, Any]:
        """The parameters that are filters of the list."""
        return given

    def _given(self, request: Request) -> dict[str, Any]:
        found, wrong = {}, {}
        for one in self.filters:
            if one.name in request.query_params:
                try:
                    found[one.name] = one.read(request.query_params[one.name])
                except ValueError as error:
                    wrong[one.name] = str(error)
        if wrong:
            raise invalid(wrong)
        return found

    def _limit(self, request: Request) -> int:
        given = request.query_params.get("limit", str(MOST))
        if not (given.isascii() and given.isdigit() and len(given) < 6 and 1 <= int(given) <= MOST):
            raise invalid({"limit": f"A limit is a number from 1 to {MOST}"})
        return int(given)

    def _after(self, request: Request) -> list[Any]:
        given = request.query_params.get("cursor")
        if given is None:
            return []
        try:
            values = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
        except (ValueError, RecursionError):
            raise invalid(NO_CURSOR) from None
        usable = isinstance(values, list) and len(values) == len(self.listing.key)
        if not usable or any(not isinstance(value, str | int) or "\x00" in str(value) for value in values):
            raise invalid(NO_CURSOR)
        return [str(value) for value in values]  # the database reads each as its column's type, or refuses

    def _next(self, request: Request, row: Row) -> str:
        values = [row[name.removeprefix("_")] for name in self.listing.key]
        plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
        cursor = base64.urlsafe_b64encode(json.dumps(plain, default=str).encode()).decode().rstrip("=")
        return str(replace_query_param(request.build_absolute_uri(), "cursor", cursor))


def described(view: type[GoldView], operation: str, summary: str, row: type[shapes.Shape], **more: Any) -> type[GoldView]:
    """The view with its description for the API's."""
    paging = [
        OpenApiParameter("limit", int, description=f"How many rows, 1 to {MOST}; {MOST} unless told."),
        OpenApiParameter("cursor", str, description="From next."),
    ]
    parameters = [one.described() for one in view.filters] + paging
    page = shapes.page_of(row, **more)
    told = extend_schema(operation_id=operation, summary=summary, parameters=parameters, responses=page)
    return extend_schema_view(get=told)(view)


class SpecCompliance(GoldView):
    """Spec Kit bundles on the default branch, and what each lacks."""

    listing = queries.SPEC_COMPLIANCE
    filters = (
        p.REPOSITORY,
        p.CONNECTOR,
        Parameter("bundle", "A bundle's folder.", p.text),
        Parameter("compliant", "true or false.", p.yes_or_no),
    )


class CiMetrics(GoldView):
    """Workflows by month unless ``period`` says otherwise, by their runs' created_at."""

    listing = queries.CI_METRICS
    shape = queries.with_month
    filters = (
        *(p.REPOSITORY, p.CONNECTOR, p.WORKFLOW, p.FROM_DAY, p.TO_DAY),
        Parameter("period", "month (unless told), day or all.", p.one_of("day", "month", "all"), ("day", "month", "all")),
    )

    def filtering(self, given: dict[str, Any]) -> dict[str, Any]:
        by = given.get("period", "month")
        found = given | {"period": by}
        for name in {"from", "to"} & set(found):
            found[name] = found[name] if by == "day" else found[name][:7]
        if by == "day" and len(found.get("to", "")) == len("2026-01"):
            found["to"] += "-31"
        return found if by != "all" else {name: value for name, value in found.items() if name not in ("from", "to")}


class CiStatus(GoldView):
    """Workflows on the default branch as they are now: green or red, since when, and who turned them."""

    listing = queries.CI_STATUS
    shape = queries.with_age
    filters = (
        *(p.REPOSITORY, p.CONNECTOR, p.WORKFLOW),
        Parameter("state", "green, red or unknown.", p.one_of("green", "red", "unknown"), ("green", "red", "unknown")),
    )


class Deployments(GoldView):
    """Deployments, newest first, with what became of them in production."""

    listing = queries.DEPLOYMENTS
    filters = (
        *(p.REPOSITORY, p.CONNECTOR, p.ENVIRONMENT, p.FROM, p.TO),
        *(Parameter(name, "true or false.", p.yes_or_no) for name in ("production", "failed", "rework")),
    )


class Dora(GoldView):
    """The five metrics by month unless ``period=all``; the months of the window without a deployment are there too."""

    listing = queries.DORA_MONTHS
    shape = queries.with_levels
    more = {"definitions": DEFINITIONS}
    filters = (
        *(p.REPOSITORY, p.CONNECTOR, p.FROM_MONTH, p.TO_MONTH),
        Parameter("period", "month (unless told) or all: the whole window in one row.", p.one_of("month", "all"), ("month", "all")),
    )

    def chosen(self, given: dict[str, Any]) -> Listing:
        return queries.DORA_ALL if given.get("period") == "all" else self.listing

    def filtering(self, given: dict[str, Any]) -> dict[str, Any]:
        unused = ("period", "from", "to") if given.get("period") == "all" else ("period",)
        return {name: value for name, value in given.items() if name not in unused}


class DoraItems(GoldView):
    """What the five metrics leave out (excluded) or infer, one row for each item and reason."""

    listing = queries.DORA_ITEMS
    filters = (
        *(p.REPOSITORY, p.CONNECTOR, p.FROM_MONTH, p.TO_MONTH),
        Parameter("metric", "E.g. change_lead_time.", p.text),
        Parameter("kind", "excluded or inferred.", p.one_of("excluded", "inferred"), ("excluded", "inferred")),
    )


described(SpecCompliance, "list_spec_compliance", "Spec Kit compliance", shapes.SpecBundle)
described(CiMetrics, "list_ci_metrics", "CI metrics", shapes.WorkflowMetrics)
described(CiStatus, "list_ci_status", "CI status", shapes.WorkflowStatus)
described(Deployments, "list_deployments", "Deployment timeline", shapes.DeploymentOut)
described(
    Dora,
    "list_dora",
    "DORA metrics",
    shapes.DoraRow,
    definitions=serializers.DictField(child=serializers.CharField(), help_text="What each figure means."),
)
described(DoraItems, "list_dora_items", "What DORA metrics leave out or infer", shapes.DoraItem)
