"""Every error of the API as RFC 9457 problem+json."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
TYPES = "/api/docs/#problem-"
"""``type`` is a URI reference into the API's documentation, one for each kind."""


class Problem(exceptions.APIException):
    """An error with members of its own: ``Problem(409, "A run is open", run_id=...)``. ``kind`` makes the ``type``."""

    def __init__(self, status: int, detail: str, kind: str = "", errors: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status_code = status
        self.kind, self.errors, self.members = kind, errors, members


def invalid(fields: Mapping[str, str], detail: str = "") -> Problem:
    """400 with what is wrong with each field (``config.path``) or query parameter."""
    return Problem(400, detail or "; ".join(f"{name}: {why}" for name, why in fields.items()), "invalid", fields)


def problem_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """REST framework's exception handler. What nobody foresaw is logged and becomes a 500 without internals."""
    known = _known(error)
    if known is None:
        log.error("Unexpected error in %s", type(context.get("view")).__name__, exc_info=error)
        known = Problem(500, "Something went wrong here; the server's log has the details", "internal")
    request = context.get("request")
    body = problem_body(known.status_code, _detail(known), _kind(known), request.path if request else "", _errors(known))
    body |= getattr(known, "members", {})
    return Response(body, status=known.status_code, headers=_headers(known), content_type=MEDIA_TYPE)


def problem_body(
    status: int, detail: str, kind: str = "", instance: str = "", errors: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """The members of a problem; ``errors`` is ``[{"field", "detail"}]``."""
    title = HTTPStatus(status).phrase
    kind = kind or title.lower().replace(" ", "-")
    body: dict[str, Any] = {"type": f"{TYPES}{kind}", "title": title, "status": status, "detail": detail, "instance": instance}
    return body | ({"errors": errors} if errors else {})


def _known(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, DjangoPermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return Problem(413, "The request is too big", "too-big")
    return None


def _kind(error: exceptions.APIException) -> str:
    """What is wrong with a field is one kind of problem, whoever finds it."""
    return "invalid" if isinstance(error, exceptions.ValidationError) else getattr(error, "kind", "")


def _detail(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "; ".join(f"{field}: {text}" for field, text in _flat(error.detail)) or "The request is not valid"
    return str(error.detail)


def _errors(error: exceptions.APIException) -> list[dict[str, str]]:
    if isinstance(error, Problem):
        return [{"field": field, "detail": text} for field, text in (error.errors or {}).items()]
    if isinstance(error, exceptions.ValidationError):
        return [{"field": field, "detail": text} for field, text in _flat(error.detail)]
    return []


def _flat(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """REST framework's nested errors as ``("config.path", "what is wrong")``."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _flat(inner, path if name == "non_field_errors" else f"{path}.{name}".lstrip("."))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            yield from _flat(inner, path if isinstance(inner, str) else f"{path}.{number}".lstrip("."))
    else:
        yield path or "body", str(detail)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    return headers
