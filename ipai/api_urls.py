"""Every address under /api/. What is not here is a 404 problem, never a page."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import Resolver404, include, path, re_path, resolve
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from ipai.access import openapi  # noqa: F401  (tells the description how one logs in)


class Elsewhere(APIView):
    """Any other address: sends on where only the last slash is wrong (308 keeps method and body), else 404."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is nothing at this address; /api/docs/ lists what there is")

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        other = request.path[:-1] if request.path.endswith("/") else f"{request.path}/"
        try:
            known = getattr(resolve(other).func, "cls", None) is not Elsewhere
        except Resolver404:
            known = False
        if known and not other.startswith("//"):
            query = request.META.get("QUERY_STRING", "")
            return HttpResponse(status=308, headers={"Location": f"{other}?{query}" if query else other})
        return super().dispatch(request, *args, **kwargs)


extend_schema(exclude=True)(Elsewhere)

v1 = [path("", include(f"{app}.api.urls")) for app in ("connectors", "devops", "finance", "ipai.observability")]

urlpatterns = [
    path("v1/", include(v1)),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    re_path("", Elsewhere.as_view()),  # anything, line breaks too
]
