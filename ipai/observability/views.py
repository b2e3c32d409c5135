"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import ipaddress
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from ipai.access.permissions import may
from ipai.access.problems import MEDIA_TYPE, problem_body
from ipai.observability import health

PROXY_HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, migrations and broker are ready, else 503 with the names of those that are not."""
    failed = health.not_ready()
    return JsonResponse({"status": "not ready" if failed else "ready", "failed": failed}, status=503 if failed else 200)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django refuses before any view is asked: a page for people, a line for programs, a problem for the API."""
    words = "The request cannot be read"
    if isinstance(exception, MultiPartParserError):
        words = "The upload cannot be read: it was cut off, or the name of its file is too long (about 900 characters at most)"
    if request.path.startswith("/api/"):
        return JsonResponse(problem_body(400, words, instance=request.path), status=400, content_type=MEDIA_TYPE)
    if request.get_preferred_type(["application/json", "text/html"]) == "application/json":
        return JsonResponse({"error": words}, status=400)
    return render(request, "400.html", {"words": words}, status=400)


class MayScrape(BasePermission):
    """From this machine (and not through a proxy on it), or a role that operates the portal."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return _local(request) or may(request.user, "view_metrics")


class Metrics(APIView):
    """Figures for Prometheus, of all tenants."""

    permission_classes = [MayScrape]
    schema = None

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(health.metrics(), content_type=CONTENT_TYPE_LATEST)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Prometheus asks for text/plain and OpenMetrics; the answer is the same whatever is asked."""
        return super().perform_content_negotiation(request, force=True)


def _local(request: Request) -> bool:
    if any(header in request.META for header in PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
