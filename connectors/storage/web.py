"""An object behind https: fetched once to scratch, resumed after a drop, refused when it changes on the way."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

import httpx

from connectors.contract import Client, ReconnectNeeded, Retry, StopStream
from connectors.storage.places import Changed, Item, Snapshot, Vanished

BLOCK = 1 << 18
RESUMES = 5
KEEP_FREE = 256 << 20


class Refusal(Protocol):
    """Turns an error status into the error to raise."""

    def __call__(self, response: httpx.Response, name: str) -> Exception: ...


class UrlPlace:
    """One URL. ``token`` goes as a bearer token to the host of the URL only; httpx drops it on a redirect to another."""

    def __init__(self, url: str, client: Client, token: str | None, max_bytes: int) -> None:
        parsed = httpx.URL(url)
        if parsed.userinfo:
            raise StopStream("The URL holds a user name or password: take it out and use the secret token")
        self._url, self._client, self._max_bytes = url, client, max_bytes
        if token and not (token.isascii() and token.isprintable()):
            raise ReconnectNeeded("The secret token has characters that no HTTP header can hold: set it again")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._name = unquote(parsed.path.rstrip("/").rsplit("/", 1)[-1]) or parsed.host
        self.label = f"{parsed.scheme}://{parsed.host}{parsed.path}"
        self.passed_over: list[str] = []

    def items(self) -> list[Item]:
        """The one object, with what HEAD tells; servers without HEAD tell nothing, and 404 means none."""
        try:
            response = self._client.http.head(self._url, headers=self._headers | {"Accept-Encoding": "identity"})
        except httpx.HTTPError as error:
            raise unreachable(self.label, error) from None
        if response.status_code in (400, 403, 405, 501):
            return [Item(self._name, self._url)]
        if response.status_code in (404, 410):
            return []
        if response.is_error:
            raise refusal(response, self.label)
        length = response.headers.get("Content-Length", "")
        size = int(length) if length.isdigit() and "Content-Encoding" not in response.headers else None
        return [Item(self._name, self._url, size, response.headers.get("Last-Modified"), response.headers.get("ETag"))]

    def snapshot(self, item: Item, scratch: Path) -> Snapshot:
        """Fetch it."""
        return Download(self._client, item, self._max_bytes, lambda: item.locator, self._headers, refusal).fetch(scratch)


def refusal(response: httpx.Response, name: str) -> Exception:
    """The error for an HTTP status, saying what to do."""
    status = response.status_code
    if status in (401, 403):
        return ReconnectNeeded(f"{name} refused access ({status}): check the secret token")
    if status in (404, 410):
        return Vanished(name)
    if status == 429 or status >= 500:
        return Retry(f"{name} answered {status} again and again: try later")
    return StopStream(f"{name} answered {status}: check the address")


def unreachable(name: str, error: httpx.HTTPError) -> Retry:
    """The error for a connection that failed after all retries; never holds the query of a URL."""
    what = "cannot be reached"
    if isinstance(error, httpx.TimeoutException):
        what = "took too long"
    elif isinstance(error, httpx.TooManyRedirects):
        what = "redirects too often"
    return Retry(f"{name} {what} ({type(error).__name__}): check the address, or try later")


class Download:
    """One object to one scratch file, in as many requests as it takes."""

    def __init__(
        self, client: Client, item: Item, max_bytes: int, url: Callable[[], str], headers: Mapping[str, str], refused: Refusal
    ) -> None:
        self._client, self._item, self._max_bytes = client, item, max_bytes
        self._url, self._headers, self._refused = url, dict(headers), refused
        self._etag: str | None = None
        self._modified: str | None = None
        self._total: int | None = None

    def fetch(self, scratch: Path) -> Snapshot:
        """The whole object. Raises Vanished, Changed (after one try more), Retry, ReconnectNeeded, StopStream."""
        descriptor, name = tempfile.mkstemp(prefix="fetched-", dir=scratch)
        os.close(descriptor)
        path = Path(name)
        try:
            try:
                sha256 = self._whole(path)
            except Changed:
                self._etag = None
                sha256 = self._whole(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        size = path.stat().st_size
        item = Item(self._item.name, self._item.locator, size, self._modified, self._etag)
        return Snapshot(item, lambda: path.open("rb", buffering=0), sha256, size, close=lambda: path.unlink(missing_ok=True))

    def _whole(self, path: Path) -> str:
        digest, got = hashlib.sha256(), 0
        with path.open("wb") as target:
            for attempt in range(RESUMES + 1):
                if got and not self._resumable():
                    digest, got = hashlib.sha256(), 0
                    target.seek(0)
                    target.truncate()
                try:
                    for block in self._blocks(got):
                        digest.update(block)
                        target.write(block)
                        got += len(block)
                        self._bound(got, path)
                except httpx.TransportError as error:
                    if attempt == RESUMES:
                        raise unreachable(self._item.name, error) from None
                    self._client.log.warning("%s: the connection broke after %d bytes: going on", self._item.name, got)
                    continue
                if self._total is not None and got != self._total:
                    raise Changed(self._item.name)
                break
        return digest.hexdigest()

    def _resumable(self) -> bool:
        return bool(self._etag) and not str(self._etag).startswith("W/")

    def _blocks(self, offset: int) -> Iterator[bytes]:
        headers = self._headers | {"Accept-Encoding": "identity"}
        if offset and self._etag:
            headers |= {"Range": f"bytes={offset}-", "If-Match": self._etag}
        with self._client.http.stream("GET", self._url(), headers=headers) as response:
            if response.status_code == 412 or (offset and response.status_code == 416):
                raise Changed(self._item.name)
            if response.is_error:
                raise self._refused(response, self._item.name)
            etag = response.headers.get("ETag")
            if offset:
                self._check_resumed(response, etag, offset)
            else:
                length = response.headers.get("Content-Length", "")
                self._total = int(length) if length.isdigit() else None
                self._etag, self._modified = etag, response.headers.get("Last-Modified")
                self._bound(self._total or 0, None)
            for block in response.iter_raw(BLOCK):
                if self._client.stopping():
                    raise StopStream("Cancelled while a file was fetched.")
                yield block

    def _check_resumed(self, response: httpx.Response, etag: str | None, offset: int) -> None:
        told = response.headers.get("Content-Range", "")
        if response.status_code != 206 or etag != self._etag or not told.startswith(f"bytes {offset}-"):
            raise Changed(self._item.name)

    def _bound(self, size: int, path: Path | None) -> None:
        if size > self._max_bytes:
            raise StopStream(f"{self._item.name} is larger than {self._max_bytes:,} bytes: raise max_bytes if that is right")
        if path is not None and size % (64 << 20) < BLOCK and shutil.disk_usage(path.parent).free < KEEP_FREE:
            raise StopStream(f"{self._item.name} does not fit on the scratch disk: free some space in {path.parent}")
