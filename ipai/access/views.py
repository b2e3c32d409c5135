"""The base classes of API views: bound to a tenant, strict about parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from django_filters import FilterSet, MultipleChoiceFilter
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import PermissionDenied
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from ipai.access.models import Tenant
from ipai.access.paging import Pages, StrictOrdering
from ipai.access.problems import invalid
from ipai.access.rest import MayAct
from ipai.access.sessions import Claims, claims_for


class TenantView(APIView):
    """A view bound to the caller's tenant, which refuses parameters that it does not know.

    Only a superuser may ask for another tenant, with ``?tenant=slug``.
    """

    permission_classes = (MayAct,)
    needs: ClassVar[str | Mapping[str, str]] = {}
    parameters: ClassVar[Collection[str]] = ()
    """Query parameters beside those of filters, ordering and paging."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        known = self.known_parameters()
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            raise invalid({name: f"There is no such parameter; there is {', '.join(sorted(known))}" for name in unknown})
        self._check_values(request)
        self.tenant = self._tenant(request)

    def claims(self, request: Request) -> Claims:
        """The caller's claims, for the tenant that was asked for."""
        claims = claims_for(request.user)
        return Claims(claims.sub, self.tenant.slug, claims.roles)

    def known_parameters(self) -> set[str]:
        """The names that may stand after the question mark."""
        return {"tenant", *self.parameters}

    def repeatable(self) -> set[str]:
        """The names that may be given more than once."""
        return set()

    def _check_values(self, request: Request) -> None:
        """A parameter without a value, or with several where one is meant, would change the answer unseen."""
        wrong = {name: "Give it a value, or leave it out" for name, values in request.query_params.lists() if "" in values}
        wrong |= {
            name: "Give it once"
            for name, values in request.query_params.lists()
            if len(values) > 1 and name not in self.repeatable()
        }
        if wrong:
            raise invalid(wrong)

    def _tenant(self, request: Request) -> Tenant:
        user: Any = request.user
        own: Tenant = user.tenant
        slug = request.query_params.get("tenant", own.slug)
        if slug == own.slug:
            return own
        if not user.is_superuser:
            raise PermissionDenied("Only a superuser may ask for another tenant")
        other = Tenant.objects.filter(slug=slug).first() if "\x00" not in slug else None
        if other is None:
            raise invalid({"tenant": "There is no such tenant"})
        return other


class ListView(TenantView, GenericViewSet[Any]):
    """Views with a list: filters by ``filterset_class``, orders by ``ordering_fields``."""

    filter_backends: Sequence[Any] = (DjangoFilterBackend, StrictOrdering)
    pagination_class: type[BasePagination] | None = Pages
    filterset_class: ClassVar[type[FilterSet] | None] = None
    ordering_fields: ClassVar[Sequence[str]] = ()
    ordering: ClassVar[Sequence[str]] = ("id",)

    def known_parameters(self) -> set[str]:
        known = super().known_parameters()
        if getattr(self, "action", "list") != "list":
            return known
        filters = set(self.filterset_class.base_filters) if self.filterset_class else set()
        return known | filters | {"cursor", "limit"} | ({"ordering"} if self.ordering_fields else set())

    def repeatable(self) -> set[str]:
        filters = self.filterset_class.base_filters if self.filterset_class else {}
        return {name for name, one in filters.items() if isinstance(one, MultipleChoiceFilter)}
