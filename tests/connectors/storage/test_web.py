"""https places on a server that misbehaves."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import ReconnectNeeded, Retry, StopStream
from connectors.storage import Changed, UrlPlace, Vanished
from tests.connectors.storage.conftest import MakeClient
from tests.connectors.storage.servers import Behaviour, Server, answer, send_file, serving

DATA = os.urandom(1_000_000)


def fetch(
    behave: Behaviour, make_client: MakeClient, max_bytes: int = 10**9, token: str | None = None
) -> tuple[bytes, str, Server]:
    client = make_client()
    with serving(behave) as server:
        place = UrlPlace(f"{server.url}/d/a%20b.csv?sig=s3cret", client, token, max_bytes)
        items = place.items()
        assert [item.name for item in items] == ["a b.csv"]
        taken = place.snapshot(items[0], client.scratch)
        try:
            with taken.open() as file:
                return file.read(), taken.sha256, server
        finally:
            taken.close()


def test_a_file_is_fetched_and_hashed(make_client: MakeClient) -> None:
    data, sha256, server = fetch(lambda handler, _: send_file(handler, DATA), make_client, token="t0ken")
    assert (data, sha256) == (DATA, hashlib.sha256(DATA).hexdigest())
    assert server.requests[-1][2]["Authorization"] == "Bearer t0ken"


def test_a_dropped_connection_is_resumed(make_client: MakeClient) -> None:
    data, sha256, server = fetch(
        lambda handler, server: send_file(handler, DATA, drop_after=300_000 if server.count() < 3 else None), make_client
    )
    assert (data, sha256) == (DATA, hashlib.sha256(DATA).hexdigest())
    assert any("Range" in headers for _, _, headers in server.requests)


def test_without_an_etag_a_drop_starts_again(make_client: MakeClient) -> None:
    data, _, server = fetch(
        lambda handler, server: send_file(handler, DATA, drop_after=300_000 if server.count() < 3 else None, tag=""), make_client
    )
    assert data == DATA
    assert not any("Range" in headers for _, _, headers in server.requests)


def test_a_file_that_is_always_cut_short_is_an_error(make_client: MakeClient) -> None:
    with pytest.raises(Retry, match=r"a b\.csv cannot be reached"):
        fetch(lambda handler, _: send_file(handler, DATA, drop_after=0 if "Range" in handler.headers else 1000), make_client)


def test_a_file_replaced_during_a_resume_is_fetched_anew_once(make_client: MakeClient) -> None:
    new = os.urandom(500_000)

    def behave(handler: Any, server: Server) -> None:
        if server.count() <= 1:
            send_file(handler, DATA, drop_after=300_000)
        else:
            send_file(handler, new)

    assert fetch(behave, make_client)[0] == new


def test_a_file_that_never_holds_still_is_an_error(make_client: MakeClient) -> None:
    def behave(handler: Any, server: Server) -> None:
        send_file(handler, DATA, drop_after=300_000, tag=f'"{server.count()}"')

    with pytest.raises(Changed, match="changed while it was read"):
        fetch(behave, make_client)


def test_a_file_larger_than_allowed_is_refused(make_client: MakeClient) -> None:
    with pytest.raises(StopStream, match="raise max_bytes"):
        fetch(lambda handler, _: send_file(handler, DATA), make_client, max_bytes=1000)


def test_errors_of_the_moment_are_retried_and_then_told(make_client: MakeClient) -> None:
    def recovers(handler: Any, server: Server) -> None:
        answer(handler, 503) if handler.command == "GET" and server.count() < 3 else send_file(handler, DATA)

    assert fetch(recovers, make_client)[0] == DATA
    with pytest.raises(Retry, match="answered 500 again and again"):
        fetch(lambda handler, _: answer(handler, 500), make_client)


@pytest.mark.parametrize(("status", "error"), [(401, ReconnectNeeded), (403, ReconnectNeeded), (404, Vanished), (418, StopStream)])
def test_a_refusal_says_what_to_do_and_never_shows_the_query(make_client: MakeClient, status: int, error: type[Exception]) -> None:
    def behave(handler: Any, _: Server) -> None:
        send_file(handler, DATA) if handler.command == "HEAD" else answer(handler, status)

    with pytest.raises(error) as caught:
        fetch(behave, make_client)
    assert "s3cret" not in str(caught.value)


def test_a_server_without_head_is_read(make_client: MakeClient) -> None:
    def behave(handler: Any, _: Server) -> None:
        answer(handler, 405) if handler.command == "HEAD" else send_file(handler, DATA)

    assert fetch(behave, make_client)[0] == DATA


def test_a_missing_file_is_an_empty_place(make_client: MakeClient) -> None:
    with serving(lambda handler, _: answer(handler, 404)) as server:
        assert UrlPlace(f"{server.url}/a.csv", make_client(), None, 10).items() == []


def test_passwords_in_the_url_are_refused(make_client: MakeClient) -> None:
    with pytest.raises(StopStream, match="use the secret token") as caught:
        UrlPlace("https://me:s3cret@example.com/a.csv", make_client(), None, 10)
    assert "s3cret" not in str(caught.value)


def test_loopback_is_refused_by_default(make_client: MakeClient, tmp_path: Path) -> None:
    with pytest.raises(StopStream, match="IPAI_ALLOW_PRIVATE_URLS"):
        UrlPlace("https://localhost/a.csv", make_client(private=False), None, 10).items()


@pytest.mark.parametrize("token", ["gehe\u00efm", "two\nlines"])
def test_a_token_that_no_header_can_hold_is_one_clear_line(make_client: MakeClient, token: str) -> None:
    with pytest.raises(ReconnectNeeded, match="set it again") as refused:
        UrlPlace("https://files.example/a.csv", make_client(), token, 10**9)
    assert token not in str(refused.value)
