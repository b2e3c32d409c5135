"""The client that sources get: where it may go, how it retries, what it logs."""

from __future__ import annotations

import gc
import logging
import socket
import time
import weakref
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.contract import StopStream
from connectors.engine import client as engine_client
from connectors.engine.client import build_http, is_public
from tests.connectors.storage.servers import Server, answer, serving, sleepy

LOG = logging.getLogger("run")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_client, "BACKOFF_SECONDS", 0.01)


INSIDE = """127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255
::1 :: fe80::1%eth0 fc00::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 2002:7f00:1::1 2001::1"""


@pytest.mark.parametrize("address", INSIDE.split())
def test_addresses_of_the_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]
)
def test_private_addresses_are_refused_without_a_connection(host: str) -> None:
    with build_http(LOG, False) as http, pytest.raises(StopStream, match="IPAI_ALLOW_PRIVATE_URLS"):
        http.get(f"https://{host}:1/")


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with build_http(LOG, False) as http, pytest.raises(StopStream, match="not a public address"):
        http.get("https://rebind.example/")


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **more: Any) -> Any:
        if host == "rebind.example":
            asked.append(host)
            return real("127.0.0.1" if len(asked) == 1 else "192.0.2.1", *args, **more)
        return real(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with serving(lambda handler, _: answer(handler, 200, b"ok")) as server, build_http(LOG, True) as http:
        assert http.get(server.url.replace("127.0.0.1", "rebind.example")).text == "ok"
    assert asked == ["rebind.example"]


def test_plain_http_is_refused() -> None:
    with build_http(LOG, False) as http, pytest.raises(StopStream, match="use an https:// address"):
        http.get("http://example.com/x")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_redirects_to_other_schemes_are_refused(target: str) -> None:
    with serving(lambda handler, _: answer(handler, 302, Location=target)) as server, build_http(LOG, True) as http:
        with pytest.raises((StopStream, httpx.UnsupportedProtocol)):
            http.get(server.url)
        assert server.count() == 1


@pytest.mark.parametrize("target", ["https://127.0.0.1:1/", "http://169.254.169.254/latest/meta-data/"])
def test_redirects_to_the_inside_are_refused(target: str) -> None:
    with serving(lambda handler, _: answer(handler, 302, Location=target)) as server, build_http(LOG, True) as http:
        transport: Any = http._transport
        guarded = transport._sync_transport if hasattr(transport, "_sync_transport") else transport._wrapped_transport
        response = http.get(server.url, follow_redirects=False)
        guarded._allow_private = False  # what stands behind a public address
        guarded._pool._network_backend._allow_private = False
        with pytest.raises(StopStream):
            http.send(response.next_request)


def test_credentials_are_dropped_on_a_redirect_to_another_host() -> None:
    with serving(lambda handler, _: answer(handler, 200, b"ok")) as other:
        target = other.url.replace("127.0.0.1", "localhost")
        with serving(lambda handler, _: answer(handler, 302, Location=target)) as server, build_http(LOG, True) as http:
            assert http.get(server.url, headers={"Authorization": "Bearer s3cret"}).text == "ok"
            assert server.requests[0][2]["Authorization"] == "Bearer s3cret"
        assert "Authorization" not in other.requests[0][2]


def test_endless_redirects_end() -> None:
    with serving(lambda handler, _: answer(handler, 302, Location="/again")) as server, build_http(LOG, True) as http:
        with pytest.raises(httpx.TooManyRedirects):
            http.get(server.url)
        assert server.count() == engine_client.MOST_REDIRECTS + 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_errors_of_the_moment_are_retried(status: int) -> None:
    def behave(handler: Any, server: Server) -> None:
        answer(handler, status if server.count() < 3 else 200, b"ok")

    with serving(behave) as server, build_http(LOG, True) as http:
        assert http.get(server.url).text == "ok"
        assert server.count() == 3
        assert server.requests[0][2]["User-Agent"] == "ipai-databricks/1"


def test_retry_after_is_honoured_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_client, "LONGEST_WAIT", 1.5)
    waits = iter(["1", "86400"])

    def behave(handler: Any, server: Server) -> None:
        wait = next(waits, None)
        answer(handler, 429, Retry_After=wait) if wait else answer(handler, 200, b"ok")

    with serving(behave) as server, build_http(LOG, True) as http:
        started = time.monotonic()
        assert http.get(server.url).text == "ok"
        assert 2.4 < time.monotonic() - started < 6


def test_waiting_ends_when_the_run_is_cancelled() -> None:
    started = time.monotonic()
    behave = lambda handler, _: answer(handler, 503, Retry_After="60")  # noqa: E731
    with (
        serving(behave) as server,
        build_http(LOG, True, lambda: time.monotonic() - started > 0.3) as http,
        pytest.raises(StopStream, match="Cancelled"),
    ):
        http.get(server.url)
    assert time.monotonic() - started < 5


def test_a_slow_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_client, "TIMEOUT", httpx.Timeout(0.1))
    monkeypatch.setattr(engine_client, "RETRIES", 1)
    with serving(sleepy(1)) as server, build_http(LOG, True) as http, pytest.raises(httpx.ReadTimeout):
        http.get(server.url)
    assert server.count() == 2


@pytest.mark.parametrize(("patient", "times", "seconds"), [(True, 3, 5), (False, 1, 1)])
def test_a_name_that_does_not_resolve_is_asked_for_a_few_times_only(
    monkeypatch: pytest.MonkeyPatch, patient: bool, times: int, seconds: float
) -> None:
    asked: list[str] = []

    def unknown(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    started = time.monotonic()
    with build_http(LOG, True, patient=patient) as http, pytest.raises(StopStream, match=r"files\.example cannot be resolved"):
        http.get("https://files.example/a.csv")
    assert asked == ["files.example"] * times
    assert time.monotonic() - started < seconds


def test_a_check_does_not_wait_long_for_a_server_in_trouble() -> None:
    behave = lambda handler, _: answer(handler, 503, Retry_After="60")  # noqa: E731
    started = time.monotonic()
    with serving(behave) as server, build_http(LOG, True, patient=False) as http:
        assert http.get(server.url).status_code == 503
        assert server.count() == 2
    assert time.monotonic() - started < 4


def test_the_log_has_no_query_and_no_header(caplog: pytest.LogCaptureFixture) -> None:
    with (
        serving(lambda handler, _: answer(handler, 200)) as server,
        build_http(LOG, True) as http,
        caplog.at_level(logging.INFO, "run"),
    ):
        http.get(f"{server.url}/path?signature=s3cret", headers={"Authorization": "Bearer s3cret"})
    assert "GET 127.0.0.1/path 200" in caplog.text
    assert "s3cret" not in "\n".join(record.getMessage() for record in caplog.records if record.name == "run")


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(lambda handler, _: answer(handler, 200, b"ok")) as server, build_http(LOG, True) as http:
        assert http.get(server.url).text == "ok"


def test_the_settings_make_the_client(tmp_path: Path, settings: Any) -> None:
    settings.IPAI_FILES_ROOTS = (tmp_path / "a",)
    settings.IPAI_DEMO_DIR, settings.IPAI_UPLOADS_DIR = tmp_path / "demo", tmp_path / "up"
    settings.IPAI_ALLOW_PRIVATE_URLS = True
    made = engine_client.build_client("run", tmp_path, LOG, lambda: False, "full")
    assert made.files_roots == (tmp_path / "a", tmp_path / "demo"), "uploads are added by connector"
    assert (made.mode, made.allow_private_urls) == ("full", True)
    made.http.close()


def test_an_answer_is_let_go_with_its_last_holder_not_when_the_collector_comes() -> None:
    with serving(lambda request, _: answer(request, 200, b"x" * 1000)) as server, build_http(LOG, True) as http:
        gc.disable()
        try:
            answered = http.get(f"{server.url}/page")
            assert answered.content == b"x" * 1000
            gone = weakref.ref(answered)
            del answered
            assert gone() is None
        finally:
            gc.enable()
