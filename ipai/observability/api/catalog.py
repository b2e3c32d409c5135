"""The catalog: layers, tables, columns, and samples under the caller's rights."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import OperationalError, ProgrammingError
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from ipai.access.permissions import may_read
from ipai.access.problems import Problem, invalid
from ipai.access.sessions import governed
from ipai.access.views import TenantView
from ipai.lakehouse import queries as lakehouse

SAMPLE = 20
LONGEST_SAMPLE = 100


class TableOut(serializers.Serializer[Any]):
    """``row_estimate`` is the server's own. It and ``bytes`` are null where rows of other tenants would count too; ``late`` is
    null where no connector feeds the table.
    """

    name = serializers.CharField()
    kind = serializers.CharField()
    comment = serializers.CharField()
    columns = serializers.IntegerField()
    row_estimate = serializers.IntegerField(allow_null=True)
    bytes = serializers.IntegerField(allow_null=True)
    connectors = serializers.ListField(child=serializers.CharField())
    last_loaded_at = serializers.DateTimeField(allow_null=True)
    late = serializers.BooleanField(allow_null=True)


class SchemaOut(serializers.Serializer[Any]):
    """A medallion schema. ``readable`` says whether the caller's roles read its rows."""

    schema = serializers.CharField()
    layer = serializers.CharField()
    domain = serializers.CharField()
    comment = serializers.CharField()
    readable = serializers.BooleanField()
    tables = TableOut(many=True)


@extend_schema_serializer(many=False)
class CatalogOut(serializers.Serializer[Any]):
    """Every schema, in the order in which data flows."""

    schemas = SchemaOut(many=True)


class ColumnOut(serializers.Serializer[Any]):
    """``meta`` columns say where a row came from."""

    name = serializers.CharField()
    type = serializers.CharField()
    nullable = serializers.BooleanField()
    comment = serializers.CharField()
    meta = serializers.BooleanField()


class TableDetailOut(TableOut):
    """A table with its columns, its key, who reads it (role -> yes or no) and where its rows come from."""

    schema = serializers.CharField()
    columns = ColumnOut(many=True)  # type: ignore[assignment]
    primary_key = serializers.ListField(child=serializers.CharField())
    readers = serializers.DictField(child=serializers.BooleanField())
    upstream = serializers.ListField(child=serializers.CharField())
    downstream = serializers.ListField(child=serializers.CharField())


class SampleOut(serializers.Serializer[Any]):
    """Some rows, as lists in the order of ``columns``; exact numbers are strings."""

    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(child=serializers.ListField())


class Catalog(TenantView, GenericViewSet[Any]):
    """What is in the lakehouse. Everybody with a role sees the tables and columns of its tenant; rows only what the database
    allows.
    """

    needs: ClassVar = "view_catalog"
    serializer_class = CatalogOut
    pagination_class = None
    filter_backends = ()

    def known_parameters(self) -> set[str]:
        return super().known_parameters() | ({"limit"} if self.action == "sample" else set())

    @extend_schema(operation_id="get_catalog", summary="Schemas and tables", responses=CatalogOut)
    def list(self, request: Request) -> Response:
        caller: Any = request.user
        by_schema: dict[str, list[Any]] = {}
        for table in lakehouse.tables(tenant_id=self.tenant.pk):
            by_schema.setdefault(table["schema"], []).append(table)
        schemas = [
            {
                "schema": layer["schema"],
                "layer": layer["level"],
                "domain": layer["domain"],
                "comment": layer["comment"],
                "readable": may_read(caller, layer["schema"]),
                "tables": by_schema.get(layer["schema"], []),
            }
            for layer in lakehouse.layers()
        ]
        return Response(CatalogOut({"schemas": schemas}).data)

    @extend_schema(operation_id="get_table", summary="One table", responses=TableDetailOut)
    def retrieve(self, request: Request, schema: str, table: str) -> Response:
        detail = self._table(schema, table)
        return Response(TableDetailOut(dict(detail) | {"columns": detail["column_list"]}).data)

    @extend_schema(
        operation_id="sample_table",
        summary="Some rows of a table",
        parameters=[OpenApiParameter("limit", int, description=f"How many rows, 1 to {LONGEST_SAMPLE}; {SAMPLE} unless told.")],
        responses=SampleOut,
    )
    def sample(self, request: Request, schema: str, table: str) -> Response:
        """Read with the caller's rights, decided by the database: row level security and grants."""
        limit = self._limit(request)
        columns = [column["name"] for column in self._table(schema, table)["column_list"]]
        caller: Any = request.user
        if not may_read(caller, schema):
            raise PermissionDenied(f"Your roles do not read {schema}")
        try:
            with governed(self.claims(request)) as cursor:
                found = lakehouse.sample(cursor, schema, table, columns, limit)
        except ProgrammingError:  # the database has the last word
            raise PermissionDenied(f"The database does not let your roles read {schema}.{table}") from None
        except OperationalError as error:
            raise Problem(503, "The database took too long or went away; try again", "database") from error
        return Response({"columns": found["columns"], "rows": [[_plain(value) for value in row] for row in found["rows"]]})

    def _table(self, schema: str, table: str) -> lakehouse.TableDetail:
        try:
            return lakehouse.table_detail(schema, table, tenant_id=self.tenant.pk)
        except lakehouse.UnknownTable:
            raise NotFound("There is no such table") from None
        except lakehouse.TableBusy as error:
            raise Problem(503, str(error), "database") from None

    def _limit(self, request: Request) -> int:
        given = request.query_params.get("limit", str(SAMPLE))
        if not (given.isascii() and given.isdigit() and len(given) < 4 and 1 <= int(given) <= LONGEST_SAMPLE):
            raise invalid({"limit": f"A limit is a number from 1 to {LONGEST_SAMPLE}"})
        return int(given)


def _plain(value: Any) -> Any:
    """What JSON can hold without changing it: other types as PostgreSQL prints them, big integers as text."""
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, dict | list):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)
