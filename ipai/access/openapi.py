"""What every operation of the OpenAPI description shares: the errors, and how to log in."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from ipai.access.problems import MEDIA_TYPE

ERRORS = {
    "400": "Something in the request is not valid; `errors` says what.",
    "401": "No token, or one that is unknown, revoked or expired.",
    "403": "The caller's roles do not allow this.",
    "404": "There is no such thing in the caller's tenant.",
    "429": "Too many requests; `Retry-After` says how many seconds to wait.",
    "500": "Something went wrong on the server; its log has the details.",
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One line for people."},
        "instance": {"type": "string", "description": "The path of the request."},
        "errors": {
            "type": "array",
            "description": "What is wrong with each field or parameter.",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string", "example": "config.path"}, "detail": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Bearer ipai_...``."""

    target_class = "ipai.access.rest.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API token: manage.py createtoken NAME --roles ROLE"}


def describe_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing hook: every operation answers errors as problems, and a superuser may name a tenant."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    tenant = {
        "in": "query",
        "name": "tenant",
        "schema": {"type": "string"},
        "description": "Superusers only: act in the tenant with this slug.",
    }
    for path, operations in result["paths"].items():
        if not path.startswith("/api/v1/"):
            continue
        for operation in operations.values():
            operation.setdefault("parameters", []).append(tenant)
            responses = operation["responses"]
            for status, words in ERRORS.items():
                responses[status] = {"description": words, "content": content}
            if "409" in responses:
                responses["409"]["content"] = content
    return result
