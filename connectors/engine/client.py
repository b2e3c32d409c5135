"""The HTTP client that sources get: it reaches only public addresses, retries, honours Retry-After and logs without secrets."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpcore
import httpx
from httpx_retries import Retry, RetryTransport

from connectors.contract import Client, StopStream, SyncMode
from connectors.demo.vendors import mounts

USER_AGENT = "ipai-databricks/1"
TIMEOUT = httpx.Timeout(60, connect=15)
CHECK_TIMEOUT = httpx.Timeout(10, connect=4)
RETRIES = 6
LOOK_UPS = 3
"""Times that a name is looked up, a second and then two apart, before it counts as unknown."""
BACKOFF_SECONDS = 0.5
LONGEST_WAIT = 60.0
"""Seconds between two tries at most, Retry-After included."""
MOST_REDIRECTS = 5
RETRIED_STATUS = (408, 425, 429, 500, 502, 503, 504)
# Global by the registry, but they lead on to addresses of the inside: NAT64, 6to4, Teredo.
_TRANSLATED = tuple(ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))


def build_client(
    run_id: str, scratch: Path, log: logging.Logger, stopping: Callable[[], bool], mode: SyncMode, patient: bool = True
) -> Client:
    """The client of one run, by the settings. ``log`` also gets one line per HTTP request. ``patient`` as :func:`build_http`."""
    from django.conf import settings

    roots = (*settings.IPAI_FILES_ROOTS, settings.IPAI_DEMO_DIR)  # not the uploads: each connector gets its own
    private = bool(settings.IPAI_ALLOW_PRIVATE_URLS)
    return Client(
        http=build_http(log, private, stopping, patient),
        scratch=scratch,
        log=log,
        files_roots=tuple(Path(root).resolve() for root in roots),
        allow_private_urls=private,
        stopping=stopping,
        mode=mode,
        defaults={"GITHUB_API_URL": settings.GITHUB_API_URL},
    )


def build_http(
    log: logging.Logger, allow_private: bool, stopping: Callable[[], bool] = lambda: False, patient: bool = True
) -> httpx.Client:
    """An httpx client over the guarded transport. Proxies of the environment are not used: they would resolve names for us.

    Not ``patient``: one try more at most, for a person who waits for the answer of a check.
    """
    retry_type = type("StoppableRetry", (_StoppableRetry,), {"stopping": staticmethod(stopping)})
    retry = retry_type(
        total=RETRIES if patient else 1,
        status_forcelist=RETRIED_STATUS,
        backoff_factor=BACKOFF_SECONDS,
        backoff_jitter=0.5,
        max_backoff_wait=LONGEST_WAIT if patient else 2.0,
        total_timeout=5 * LONGEST_WAIT if patient else 2.0,
    )
    return _Client(
        transport=RetryTransport(transport=GuardedTransport(allow_private, log, LOOK_UPS if patient else 1), retry=retry),
        mounts=mounts(),
        timeout=TIMEOUT if patient else CHECK_TIMEOUT,
        follow_redirects=True,
        max_redirects=MOST_REDIRECTS,
        trust_env=False,
        headers={"User-Agent": USER_AGENT},
    )


class _Client(httpx.Client):
    """Lets go of an answer once nobody holds it: httpx's response and its stream hold each other, until the collector comes."""

    def send(self, request: httpx.Request, *, stream: bool = False, **options: Any) -> httpx.Response:
        response = super().send(request, stream=stream, **options)
        if not stream:
            response.stream = httpx.ByteStream(response.content)
        return response


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    """Reading the certificates takes a while: once in a process."""
    return httpx.create_ssl_context(trust_env=False)


class _StoppableRetry(Retry):
    """Waits in small steps and gives up waiting when the run is cancelled."""

    @staticmethod
    def stopping() -> bool:
        """Replaced for each run."""
        return False

    def sleep(self, response: httpx.Response | Exception) -> None:
        seconds = self._calculate_sleep(response.headers if isinstance(response, httpx.Response) else {})
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.stopping():
            time.sleep(min(left, 0.5))
        self.elapsed_sleep += seconds
        if self.stopping():
            raise StopStream("Cancelled while waiting for the server.")


class GuardedTransport(httpx.HTTPTransport):
    """https only (http where private addresses are allowed), through :class:`GuardedBackend`; one log line per request."""

    def __init__(self, allow_private: bool, log: logging.Logger, look_ups: int = LOOK_UPS) -> None:
        context = _ssl_context()
        super().__init__(verify=context, trust_env=False)
        self._allow_private, self._log = allow_private, log
        # httpx has no parameter for the network backend; the pool is made as httpx makes it, with ours.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=20,
            max_keepalive_connections=10,
            keepalive_expiry=30,
            network_backend=GuardedBackend(allow_private, look_ups),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme != "https" and not (url.scheme == "http" and self._allow_private):
            raise StopStream(f"{url.scheme}://{url.host} is refused: use an https:// address")
        if not url.host:
            raise StopStream("The address has no host: use https://host/path")
        started = time.monotonic()
        try:
            response = super().handle_request(request)
        except httpx.TransportError as error:
            self._log.info("%s %s%s failed: %s (%d ms)", request.method, url.host, url.path, type(error).__name__, _ms(started))
            raise
        self._log.info("%s %s%s %d (%d ms)", request.method, url.host, url.path, response.status_code, _ms(started))
        return response


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves a name, refuses addresses that are not global, and connects to the very address it checked."""

    def __init__(self, allow_private: bool, look_ups: int = LOOK_UPS) -> None:
        self._allow_private, self._look_ups = allow_private, look_ups
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._resolve(host, port)
        for number, address in enumerate(addresses, 1):
            try:
                return self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise httpcore.ConnectError(f"{host} has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise StopStream("Unix sockets are refused")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _resolve(self, host: str, port: int) -> list[str]:
        addresses = self._look_up(host, port)
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise StopStream(f"{host} is not a public address: set IPAI_ALLOW_PRIVATE_URLS=1 to let connectors reach private ones")
        return addresses

    def _look_up(self, host: str, port: int) -> list[str]:
        """A name that is unknown stays so however often one asks: no retries beside these, one clear error."""
        for seconds in range(self._look_ups):
            time.sleep(seconds)
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except (socket.gaierror, UnicodeError):
                continue
            return list(dict.fromkeys(str(entry[4][0]) for entry in found))
        raise StopStream(f"The name {host} cannot be resolved: check the address and this machine's name server")


def is_public(address: str) -> bool:
    """Whether a numeric address is global unicast, also when IPv4 is wrapped in IPv6."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in net for net in _TRANSLATED):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
