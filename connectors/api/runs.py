"""Runs: their history, rejected records and log; cancel and retry."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import queries, services
from connectors.api import serializers as shapes
from connectors.api.base import ConnectorsView, first, run_address
from connectors.api.filters import LogFilter, RunFilter
from connectors.models import ConnectorRun, RejectedRecord, RunLog, Trigger

ENDED = OpenApiResponse(description="What was asked is not possible in the run's status.")


class RunViewSet(ConnectorsView):
    """Runs of the caller's tenant, newest first."""

    needs: ClassVar = {
        "list": "view_connectors",
        "retrieve": "view_connectors",
        "cancel": "run_connectors",
        "retry": "run_connectors",
    }
    without_body: ClassVar = ("cancel", "retry")
    queryset = ConnectorRun.objects.none()
    filterset_class = RunFilter
    ordering_fields: ClassVar = ("queued_at",)
    ordering: ClassVar = ("-queued_at", "-id")
    serializer_class = shapes.RunOut

    def get_queryset(self) -> QuerySet[ConnectorRun]:
        if getattr(self, "swagger_fake_view", False):  # the description of the API is made without a request
            return self.queryset
        return queries.runs_for(self.tenant).prefetch_related("streams")

    @extend_schema(operation_id="list_runs", summary="List runs")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([queries.run_detail(run) for run in page])

    @extend_schema(operation_id="get_run", summary="One run")
    def retrieve(self, request: Request, run_id: UUID) -> Response:
        return Response(queries.run_detail(self._run(run_id)))

    @extend_schema(operation_id="cancel_run", summary="Cancel a run", request=None, responses={200: shapes.RunOut, 409: ENDED})
    def cancel(self, request: Request, run_id: UUID) -> Response:
        """What is committed stays; a stream that runs stops at its next batch."""
        run = services.cancel_run(self.actor(), self._run(run_id))
        return Response(queries.run_detail(run))

    @extend_schema(
        operation_id="retry_run", summary="Run the same again", request=None, responses={202: shapes.RunQueued, 409: ENDED}
    )
    def retry(self, request: Request, run_id: UUID) -> Response:
        run = services.retry_run(self.actor(), self._run(run_id), Trigger.API)
        return Response({"run_id": run.pk}, status=202, headers={"Location": request.build_absolute_uri(run_address(run.pk))})

    def _run(self, run_id: UUID) -> ConnectorRun:
        run: ConnectorRun = first(self.get_queryset().filter(pk=run_id), "run")
        return run


class _OfRun(ConnectorsView):
    """Rows that belong to one run, oldest first."""

    model: Any

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model.objects.order_by("id")
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        return rows.filter(run=first(queries.runs_for(self.tenant).filter(pk=self.kwargs["run_id"]), "run"))

    def _page(self) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class RejectedViewSet(_OfRun):
    """Rejected records are bronze rows: for roles that read bronze."""

    needs: ClassVar = "view_rejected"
    model = RejectedRecord
    serializer_class = shapes.RejectedOut

    @extend_schema(operation_id="list_rejected", summary="Records that were not loaded")
    def list(self, request: Request, run_id: UUID) -> Response:
        """Each with the reason and its place: file and line, or the vendor's id."""
        return self._page()


class LogViewSet(_OfRun):
    """The log of a run, without secrets."""

    needs: ClassVar = "view_run_log"
    model = RunLog
    filterset_class = LogFilter
    serializer_class = shapes.LogLine

    @extend_schema(operation_id="list_run_log", summary="The run's log")
    def list(self, request: Request, run_id: UUID) -> Response:
        return self._page()
