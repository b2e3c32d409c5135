"""Requests and answers of the fake GitHub."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from connectors.demo.github.model import Json

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

DOCS = "https://docs.github.com/rest"


@dataclass(slots=True)
class Call:
    """A request to the API."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    base: str

    def number(self, name: str, default: int, most: int = 10**9) -> int:
        """A whole number among the parameters."""
        text = self.query.get(name, "")
        return min(int(text), most) if text.isdigit() and int(text) else default


@dataclass(slots=True)
class Response:
    """An HTTP answer; ``truncate`` announces the whole body and sends half of it."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    truncate: bool = False


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None, docs: str = "") -> None:
        super().__init__(message)
        body = {"message": message, "documentation_url": docs or DOCS, "status": str(status)}
        self.response = Response(status, body, headers or {})


def paged(call: Call, items: Sequence[Json], wrap: str | None = None, most: int | None = None) -> Response:
    """A numbered page of a list."""
    size, page = call.number("per_page", 30, 100), call.number("page", 1)
    reach = min(len(items), most) if most else len(items)
    chunk = list(items[(page - 1) * size : min(page * size, reach)])
    headers = {}
    if page * size < reach:
        pages = {"next": page + 1, "last": -(-reach // size)}
        links = {name: urlencode({**call.query, "page": str(number)}) for name, number in pages.items()}
        headers["Link"] = ", ".join(f'<{call.base}{call.path}?{query}>; rel="{name}"' for name, query in links.items())
    return Response(200, {"total_count": len(items), wrap: chunk} if wrap else chunk, headers)


def call_of(environ: WSGIEnvironment) -> Call:
    headers = {name[5:].replace("_", "-").title(): str(value) for name, value in environ.items() if name.startswith("HTTP_")}
    base = f"{environ['wsgi.url_scheme']}://{headers.get('Host', 'localhost')}"
    if length := int(environ.get("CONTENT_LENGTH") or 0):
        environ["wsgi.input"].read(length)
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    return Call(environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/"), query, headers, base)


def body_of(body: Any) -> bytes:
    return body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
