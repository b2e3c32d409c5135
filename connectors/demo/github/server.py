"""A WSGI application that speaks as much of GitHub's REST API as the connector asks: Link paging, ETags, limits, redirects."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlencode

from connectors.demo.github.model import Organisation, Repository, sha_of, stamp, user
from connectors.demo.github.routes import ROUTES
from connectors.demo.github.wire import DOCS, Call, Refusal, Response, body_of, call_of, paged

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Hook = Callable[[Call], Response | None]


class FakeGitHub:
    """The application. ``calls`` holds every request, ``counted`` how many count against the ``limit`` of an hour; ``before`` are
    hooks run before each, which may change the organisation or answer in its place. ``tokens`` are what it takes;
    ``installation`` makes them from a proof of an App, which ``proofs`` collects."""

    def __init__(self, organisation: Organisation, token: str = "made-up-token", limit: int = 5_000) -> None:  # noqa: S107 (of the demo)
        self.organisation, self.tokens, self.limit = organisation, {token}, limit
        self.calls: list[Call] = []
        self.before: list[Hook] = []
        self.counted = 0
        self.reset = time.time() + 3600
        self.proofs: list[str] = []
        self.token_life = timedelta(hours=1)
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        call = call_of(environ)
        with self._lock:
            response = self.answer(call)
        body = b"" if response.status == 304 else body_of(response.body)
        left = max(self.limit - self.counted, 0)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(body)),
            "Date": formatdate(usegmt=True),
            "X-OAuth-Scopes": "repo, read:org",
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int(self.reset)),
            "X-RateLimit-Resource": "core",
            **response.headers,
        }
        reason = HTTPStatus(response.status).phrase
        start_response(f"{response.status} {reason}", list(headers.items()))
        return [body[: len(body) // 2] if response.truncate else body]

    def answer(self, call: Call) -> Response:
        """What is answered, limits and conditions included."""
        self.calls.append(call)
        try:
            for hook in self.before:
                if (replaced := hook(call)) is not None:
                    return replaced
            if call.path.startswith("/app/"):
                return self.installation(call)
            self.check(call)
            response = self.route(call)
        except Refusal as refusal:
            response = refusal.response
        if response.status == 200:
            etag = f'W/"{hashlib.sha256(body_of(response.body)).hexdigest()}"'
            response.headers["ETag"] = etag
            if call.headers.get("If-None-Match") == etag:
                return Response(304, None, response.headers)
        if response.status != 401 and call.path != "/rate_limit":
            self.counted += 1
        return response

    def check(self, call: Call) -> None:
        """The token and the limit."""
        given = call.headers.get("Authorization", "").partition(" ")[2]
        if given not in self.tokens:
            raise Refusal(401, "Bad credentials")
        if time.time() > self.reset:
            self.counted, self.reset = 0, time.time() + 3600
        if self.counted >= self.limit and call.path != "/rate_limit":
            self.counted -= 1
            raise Refusal(403, "API rate limit exceeded", docs=f"{DOCS}/rate-limits")

    def installation(self, call: Call) -> Response:
        """A token for an installation of an App."""
        self.proofs.append(call.headers.get("Authorization", "").partition(" ")[2])
        token = sha_of(f"installation {len(self.proofs)}")
        self.tokens = {token}
        return Response(201, {"token": token, "expires_at": stamp(datetime.now(UTC) + self.token_life)})

    def route(self, call: Call) -> Response:
        """The answer to a good request."""
        owner, path = self.organisation.login, call.path.rstrip("/")
        if path == "/rate_limit":
            core = {"limit": self.limit, "remaining": max(self.limit - self.counted, 0), "reset": int(self.reset)}
            return Response(200, {"resources": {"core": core}})
        if path == "/user":
            return Response(200, user("demo-reader"))
        if path == f"/orgs/{owner}":
            return Response(200, {"login": owner, "type": "Organization"})
        if path == f"/orgs/{owner}/repos":
            return paged(call, [repo.json() for repo in self.organisation.repositories if not repo.gone])
        found = re.fullmatch(r"(?:/repos/([^/]+/[^/]+)|/repositories/(\d+))(/.*)?", path)
        if not found:
            raise Refusal(404, "Not Found")
        repo = self.repository(call, unquote(found[1] or ""), int(found[2] or 0), found[3] or "")
        for pattern, handler in ROUTES:
            if match := re.fullmatch(pattern, found[3] or ""):
                return handler(repo, call, *map(unquote, match.groups()))
        raise Refusal(404, "Not Found")

    def repository(self, call: Call, name: str, number: int, rest: str) -> Repository:
        """The repository; one with a new name by a redirect."""
        for repo in self.organisation.repositories:
            if repo.gone:
                continue
            if repo.id == number or repo.full_name == name:
                return repo
            if name in [f"{repo.owner}/{old}" for old in repo.old_names]:
                query = f"?{urlencode(call.query)}" if call.query else ""
                raise Refusal(301, "Moved Permanently", {"Location": f"{call.base}/repositories/{repo.id}{rest}{query}"})
        raise Refusal(404, "Not Found")
