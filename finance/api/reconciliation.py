"""The reconciliation inbox: suggestions, and the decisions of people about them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from finance.api.reconciliation_shapes import AskedOut, Choice, ModelCallOut, SuggestionOut
from finance.reconciliation import queries, services
from finance.reconciliation.errors import AlreadyDecided, DecisionError, NotChosen, NotPosted, Stale
from finance.reconciliation.models import Outcome, State, Suggestion
from ipai.access.problems import Problem
from ipai.access.sessions import Claims, claims_for, governed
from ipai.access.views import ListView
from ipai.observability.audit import actor_of

KINDS: dict[type[DecisionError], str] = {
    AlreadyDecided: "already-decided",
    Stale: "stale",
    NotChosen: "not-chosen",
    NotPosted: "not-posted",
}
REFUSED = OpenApiResponse(description="Decided by somebody else, no longer current, or no candidate named; the detail says which.")


class SuggestionFilter(filters.FilterSet):
    outcome = filters.MultipleChoiceFilter(choices=Outcome.choices, label="May be given more than once.")
    state = filters.MultipleChoiceFilter(choices=State.choices, label="May be given more than once.")
    connector = filters.UUIDFilter(field_name="connector_id", label="The connector's id.")
    company = filters.NumberFilter(field_name="company_id", label="The company's id in the ERP.")
    currency = filters.CharFilter(label="Of the bank line, e.g. EUR.")
    date_from = filters.DateFilter(field_name="date", lookup_expr="gte", label="Bank lines of this day or later.")
    date_to = filters.DateFilter(field_name="date", lookup_expr="lte", label="Bank lines of this day or earlier.")
    confidence = filters.NumberFilter(
        field_name="confidence", lookup_expr="gte", label="At least, 0 to 1.", min_value=0, max_value=1
    )
    text = filters.CharFilter(method="containing", label="In the text or the partner's name on the statement.")

    class Meta:
        model = Suggestion
        fields = ()

    def containing(self, rows: QuerySet[Suggestion], _name: str, text: str) -> QuerySet[Suggestion]:
        return rows.filter(reference__icontains=text) | rows.filter(partner_name__icontains=text)


class SuggestionViewSet(ListView):
    """Suggestions of the caller's tenant, newest bank line first, seen with the caller's rights."""

    needs: ClassVar = {
        "list": "view_finance",
        "retrieve": "view_finance",
        **dict.fromkeys(("accept", "reject", "undo", "post_to_erp", "ask_model"), "decide_reconciliation"),
    }
    queryset = Suggestion.objects.none()
    filterset_class = SuggestionFilter
    ordering_fields: ClassVar = ("date", "amount", "confidence")
    ordering: ClassVar = ("-date", "id")
    serializer_class = SuggestionOut

    def get_queryset(self) -> QuerySet[Suggestion]:
        if getattr(self, "swagger_fake_view", False):  # the description of the API is made without a request
            return self.queryset
        return queries.suggestions_for(self.tenant)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, DecisionError):
            exc = Problem(409, str(exc), KINDS[type(exc)])
        return super().handle_exception(exc)

    @extend_schema(operation_id="list_reconciliation_suggestions", summary="Bank lines with suggestions")
    def list(self, request: Request) -> Response:
        """Open, decided and settled ones; ``state=open`` is the inbox."""
        with self._session():
            page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(operation_id="get_reconciliation_suggestion", summary="One bank line with its suggestions")
    def retrieve(self, request: Request, suggestion_id: UUID) -> Response:
        return self._answer(suggestion_id)

    @extend_schema(
        operation_id="accept_reconciliation_suggestion",
        summary="Accept a candidate",
        request=Choice,
        responses={200: SuggestionOut, 409: REFUSED},
    )
    def accept(self, request: Request, suggestion_id: UUID) -> Response:
        """Records the decision; the ERP is not touched. Without ``candidate`` the first one of a match or a likely suggestion."""
        services.accept(actor_of(request), self._suggestion(suggestion_id), self._choice(request))
        return self._answer(suggestion_id)

    @extend_schema(
        operation_id="reject_reconciliation_suggestion",
        summary="Reject a candidate, or the bank line as a whole",
        request=Choice,
        responses={200: SuggestionOut, 409: REFUSED},
    )
    def reject(self, request: Request, suggestion_id: UUID) -> Response:
        """A rejected candidate is not suggested again for this bank line. Without ``candidate`` nothing is."""
        services.reject(actor_of(request), self._suggestion(suggestion_id), self._choice(request))
        return self._answer(suggestion_id)

    @extend_schema(
        operation_id="undo_reconciliation_decision",
        summary="Take back the newest decision",
        request=None,
        responses={200: SuggestionOut, 409: REFUSED},
    )
    def undo(self, request: Request, suggestion_id: UUID) -> Response:
        services.undo(actor_of(request), self._suggestion(suggestion_id))
        return self._answer(suggestion_id)

    @extend_schema(
        operation_id="post_reconciliation",
        summary="Write an accepted reconciliation to the ERP",
        request=None,
        responses={200: SuggestionOut, 409: REFUSED},
    )
    def post_to_erp(self, request: Request, suggestion_id: UUID) -> Response:
        """An action of its own, audited; refused where the connector is not allowed to write, which is the default."""
        services.post(actor_of(request), self._suggestion(suggestion_id))
        return self._answer(suggestion_id)

    @extend_schema(
        operation_id="ask_model_about_reconciliation",
        summary="Have the language model order and explain the candidates",
        request=None,
        responses={200: AskedOut, 409: REFUSED},
    )
    def ask_model(self, request: Request, suggestion_id: UUID) -> Response:
        """Its opinion stands beside the candidates; nothing is accepted or selected by it. The call is recorded with its tokens."""
        call = services.ask_model(actor_of(request), self._suggestion(suggestion_id))
        shown = self.get_serializer(self._suggestion(suggestion_id)).data
        return Response({"suggestion": shown, "call": ModelCallOut(call).data})

    def _choice(self, request: Request) -> str:
        body = Choice(data=request.data)
        body.is_valid(raise_exception=True)
        return str(body.validated_data["candidate"])

    def _session(self) -> AbstractContextManager[Any]:
        """The caller's rights in the tenant that was asked for."""
        claims = claims_for(self.request.user)
        return governed(Claims(claims.sub, self.tenant.slug, claims.roles))

    def _suggestion(self, suggestion_id: UUID) -> Suggestion:
        """The suggestion if the caller may see it; another tenant's do not exist."""
        with self._session():
            row = self.get_queryset().filter(pk=suggestion_id).first()
        if row is None:
            raise NotFound("There is no such suggestion")
        return row

    def _answer(self, suggestion_id: UUID) -> Response:
        return Response(self.get_serializer(self._suggestion(suggestion_id)).data)
