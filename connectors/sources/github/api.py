"""Requests to GitHub's REST API: conditional, in bounded number at once, patient with limits and faults."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from httpx_retries import Retry as NoRetry

from connectors.contract import Client, ReconnectNeeded, Retry, StopStream
from connectors.sources.github.login import Login

PUBLIC_API = "https://api.github.com"
API_VERSION = "2022-11-28"
TRIES = 6
"""Times a request is sent at most while GitHub is away; waiting for a limit is not counted."""
BACKOFF_SECONDS = 0.5
SECONDARY_SECONDS = 60.0
"""First wait for a secondary limit that does not say how long; each further one is twice as long."""
LONGEST_WAIT = 3_700.0
STEP_SECONDS = 0.2
_BUSY = (408, 425, 500, 502, 503, 504)
_DECODER = msgspec.json.Decoder()
Given = TypeVar("Given")
Made = TypeVar("Made")


class Missing(StopStream):
    """GitHub does not give this: 404 not there or hidden, 403 not allowed, 409 empty, 410 switched off, 451 blocked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Transient(Exception):
    """Worth another try soon."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What GitHub answered. ``unchanged``: still what the ETag stands for. ``next`` and ``last`` are the Links to the page that
    follows and to the last one; the latter only where pages are numbered."""

    value: Any = None
    etag: str | None = None
    next: str | None = None
    last: str | None = None
    unchanged: bool = False
    headers: httpx.Headers = field(default_factory=httpx.Headers)

    def items(self, wrap: str | None = None) -> list[dict[str, Any]]:
        """The objects of a list, which Actions wraps in an object."""
        found: list[dict[str, Any]] = (self.value[wrap] if wrap else self.value) or []
        return found


class GitHub:
    """One API as one login sees it, for one stream. Safe to use from several threads."""

    def __init__(self, api_url: str, login: Login, client: Client, concurrency: int = 4, tries: int = TRIES) -> None:
        self.api_url = api_url.rstrip("/")
        self.login, self.client, self.concurrency = login, client, concurrency
        self._tries = tries
        self._slots = threading.BoundedSemaphore(concurrency)
        self._until = 0.0
        """Nothing is sent before this moment of the monotonic clock."""
        self._secondary = 0
        self._pool: ThreadPoolExecutor | None = None

    def get(self, path: str, etag: str | None = None) -> Answer:
        """``path`` as in the documentation, or a Link as GitHub sent it. Raises Missing, ReconnectNeeded, Retry, StopStream."""
        attempt, renewed = 0, False
        while True:
            self._wait_for_limits()
            token = self.login.token(self.client, self.api_url)
            try:
                with self._slots:
                    response = self._send(self._url(path), token, etag)
                if response.status_code == httpx.codes.UNAUTHORIZED and self.login.renews and not renewed:
                    self.login.forget(token)
                    renewed = True
                    continue
                answer = self._read(response, etag)
            except _Transient as error:
                attempt += 1
                if attempt >= self._tries:
                    raise Retry(str(error)) from None
                self.client.log.info("%s; trying again", error)
                self._sleep(BACKOFF_SECONDS * 2 ** (attempt - 1) * random.uniform(0.7, 1.3))  # noqa: S311 (jitter)
                continue
            if answer is not None:
                return answer

    def pages(self, path: str, wrap: str | None = None) -> Iterator[dict[str, Any]]:
        """All objects of a list, however many pages it has."""
        following: str | None = path
        while following:
            answer = self.get(following)
            yield from answer.items(wrap)
            following = answer.next

    def map(self, work: Callable[[Given], Made], items: Iterable[Given]) -> list[Made]:
        """``work`` on each item, several at once; results in order, or the first error."""
        if self._pool is None:
            return [work(item) for item in items]
        return list(self._pool.map(work, items))

    @contextmanager
    def threads(self) -> Iterator[None]:
        """Lets :meth:`map` work on several items at once inside the block."""
        self._pool = ThreadPoolExecutor(self.concurrency, "github")
        try:
            yield
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _url(self, path: str) -> str:
        if not path.startswith("http"):
            return f"{self.api_url}/{path.lstrip('/')}"
        if urlsplit(path)[:2] != urlsplit(self.api_url)[:2]:
            raise StopStream(f"GitHub at {self.api_url} leads on to {urlsplit(path).netloc}: that address is not asked")
        return path

    def _send(self, url: str, token: str, etag: str | None) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
        }
        if etag:
            headers["If-None-Match"] = etag
        try:
            return self.client.http.get(url, headers=headers, extensions={"retry": NoRetry(total=0)})
        except httpx.TooManyRedirects:
            raise StopStream(f"{url} redirects in a circle") from None
        except httpx.TransportError as error:
            raise _Transient(f"{self.api_url} cannot be reached or broke off: {str(error) or type(error).__name__}") from None

    def _read(self, response: httpx.Response, etag: str | None) -> Answer | None:
        """The answer; None when a limit is to be waited for and the request sent again."""
        status = response.status_code
        if status in (403, 429) and self._limited(response):
            return None
        self._secondary = 0
        if status in (200, 304):
            self._mind_remaining(response)
        if status == httpx.codes.NOT_MODIFIED:
            return Answer(etag=etag, unchanged=True, headers=response.headers)
        if status == httpx.codes.OK:
            following, last = (response.links.get(name, {}).get("url") for name in ("next", "last"))
            return Answer(_decoded(response.content), response.headers.get("etag"), following, last, headers=response.headers)
        if status in _BUSY:
            raise _Transient(f"{self.api_url} answered HTTP {status}")
        raise self._refusal(response)

    def _refusal(self, response: httpx.Response) -> Exception:
        status, said = response.status_code, _message(response)
        if status == httpx.codes.UNAUTHORIZED:
            return ReconnectNeeded(
                f"GitHub refused the {self.login.words()} ({said}): it is wrong, expired or revoked;"
                " set the connector's secret again"
            )
        sso = response.headers.get("x-github-sso", "")
        if status == httpx.codes.FORBIDDEN and sso.startswith("required"):
            where = sso.partition("url=")[2] or "the token's settings at GitHub"
            return ReconnectNeeded(f"The organisation asks for single sign-on: authorise the token at {where}")
        if status in (403, 404, 409, 410, 451):
            return Missing(status, f"HTTP {status} {said}")
        return StopStream(f"{self.api_url} answered HTTP {status} {said} to {response.request.url.path}")

    def _limited(self, response: httpx.Response) -> bool:
        """Whether this is a limit, which is then waited for before the next request, by whatever thread."""
        headers = response.headers
        if headers.get("retry-after", "").isdigit():
            self._hold(float(headers["retry-after"]), "GitHub's secondary rate limit")
        elif headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
            self._hold(_until_reset(response), "GitHub's rate limit")
        elif response.status_code == httpx.codes.TOO_MANY_REQUESTS or "rate-limit" in _documentation(response):
            self._secondary += 1
            self._hold(SECONDARY_SECONDS * 2 ** min(self._secondary - 1, 4), "GitHub's secondary rate limit")
        else:
            return False
        return True

    def _mind_remaining(self, response: httpx.Response) -> None:
        """After the last request that the limit allows, wait for the next hour instead of being refused."""
        headers = response.headers
        if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
            self._hold(_until_reset(response), "GitHub's rate limit")

    def _hold(self, seconds: float, limit: str) -> None:
        seconds = min(max(seconds, 0.0), LONGEST_WAIT)
        if time.monotonic() + seconds <= self._until:
            return
        self._until = time.monotonic() + seconds
        until = datetime.fromtimestamp(time.time() + seconds, UTC)
        words = f"waiting for {limit} until {until:{'%H:%M' if seconds > 60 else '%H:%M:%S'}} UTC"
        if self._tries == 1:
            raise Retry(f"GitHub allows no more requests now: {words}", seconds)
        self.client.log.info("%s", words[0].upper() + words[1:])
        self.client.say(words)

    def _wait_for_limits(self) -> None:
        if (left := self._until - time.monotonic()) > 0:
            self._sleep(left)
            self.client.say("reading")

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.client.stopping():
                raise StopStream("Cancelled while waiting for GitHub.")
            time.sleep(min(left, STEP_SECONDS))


def _decoded(content: bytes) -> Any:
    try:
        return _DECODER.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:  # half of a surrogate pair, which is no character
        return _DECODER.decode(json.dumps(json.loads(content), ensure_ascii=False).encode("utf-8", "replace"))
    except ValueError:
        raise _Transient("GitHub sent JSON that ends too early or cannot be read") from None


def _until_reset(response: httpx.Response) -> float:
    """Seconds until the limit is lifted, by GitHub's own clock."""
    try:
        now = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        now = time.time()
    return max(float(response.headers["x-ratelimit-reset"]) - now, 0.0) + 1.0


def _said(response: httpx.Response, name: str) -> str:
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return ""
    return " ".join(str(body.get(name) or "").split())[:200] if isinstance(body, dict) else ""


def _message(response: httpx.Response) -> str:
    return _said(response, "message") or response.reason_phrase


def _documentation(response: httpx.Response) -> str:
    return _said(response, "documentation_url")
