"""S3: a real implementation of the protocol, and a server that misbehaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from connectors.contract import ReconnectNeeded, Retry, StopStream
from connectors.storage import BucketPlace, Vanished
from tests.connectors.storage.conftest import MakeClient
from tests.connectors.storage.servers import Server, answer, send_file, serving

KEYS = {"access_key": "key", "secret_key": "secret"}
DATA = os.urandom(600_000)
LIST = (
    b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>'
    b"<Contents><Key>in/a.csv</Key><Size>600000</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    b'<ETag>"x"</ETag></Contents></ListBucketResult>'
)


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    s3 = boto3.client("s3", endpoint_url=url, aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1")
    s3.create_bucket(Bucket="data")
    for key in ("in/a b+ü.csv", "in/sub/c.csv", "in/sub/", "in/d.txt", "other/e.csv"):
        s3.put_object(Bucket="data", Key=key, Body=DATA)
    yield url
    server.stop()


def place(
    endpoint: str, make_client: MakeClient, prefix: str = "in/", secret: dict[str, str] | None = None, **more: Any
) -> BucketPlace:
    config = {"bucket": "data", "prefix": prefix, "endpoint": endpoint} | more
    return BucketPlace(config, KEYS if secret is None else secret, make_client(), 10**9)


def test_objects_are_listed_and_fetched(storage: str, make_client: MakeClient) -> None:
    client = make_client()
    there = place(storage, make_client)
    items = there.items()
    assert [item.name for item in items] == ["a b+ü.csv", "d.txt", "sub/c.csv"]
    assert all(item.size == len(DATA) and item.version for item in items)
    taken = there.snapshot(items[0], client.scratch)
    with taken.open() as file:
        assert file.read() == DATA
    assert taken.item.version == items[0].version
    taken.close()


def test_patterns(storage: str, make_client: MakeClient) -> None:
    assert [item.name for item in place(storage, make_client, "in/*.csv").items()] == ["a b+ü.csv"]
    assert [item.name for item in place(storage, make_client, "in/**/*.csv").items()] == ["a b+ü.csv", "sub/c.csv"]
    assert [item.name for item in place(storage, make_client, "in/d.txt").items()] == ["d.txt"]


def test_no_such_bucket(storage: str, make_client: MakeClient) -> None:
    with pytest.raises(StopStream, match="no bucket named nowhere"):
        place(storage, make_client, bucket="nowhere").items()


def test_an_object_deleted_after_listing_has_vanished(storage: str, make_client: MakeClient) -> None:
    there = place(storage, make_client)
    item = there.items()[0]
    s3 = boto3.client("s3", endpoint_url=storage, aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1")
    s3.delete_object(Bucket="data", Key=item.locator)
    with pytest.raises(Vanished):
        there.snapshot(item, make_client().scratch)


def faulty(on_list: Any, on_get: Any) -> Any:
    def behave(handler: Any, server: Server) -> None:
        (on_list if "list-type" in handler.path else on_get)(handler, server)

    return behave


def listed(handler: Any, _: Server) -> None:
    answer(handler, 200, LIST)


def gets(server: Server) -> int:
    return sum(1 for _, path, _ in server.requests if "list-type" not in path)


def test_all_pages_are_listed(make_client: MakeClient) -> None:
    def on_list(handler: Any, _: Server) -> None:
        first = LIST.replace(b"false</IsTruncated>", b"true</IsTruncated><NextContinuationToken>a+b/=</NextContinuationToken>")
        answer(handler, 200, LIST.replace(b"a.csv", b"b.csv") if "continuation-token=a%2Bb%2F%3D" in handler.path else first)

    with serving(faulty(on_list, on_list)) as server:
        assert [item.locator for item in place(server.url, make_client).items()] == ["in/a.csv", "in/b.csv"]


def test_drops_and_500s_are_survived(make_client: MakeClient) -> None:
    def on_list(handler: Any, server: Server) -> None:
        answer(handler, 500) if len(server.requests) < 3 else answer(handler, 200, LIST)

    def on_get(handler: Any, server: Server) -> None:
        answer(handler, 503) if gets(server) == 1 else send_file(handler, DATA, drop_after=100_000 if gets(server) < 4 else None)

    client = make_client()
    with serving(faulty(on_list, on_get)) as server:
        there = place(server.url, make_client)
        taken = there.snapshot(there.items()[0], client.scratch)
        with taken.open() as file:
            assert file.read() == DATA
        taken.close()


@pytest.mark.parametrize("code", ["AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId"])
def test_bad_credentials_ask_to_reconnect(make_client: MakeClient, code: str) -> None:
    body = f"<Error><Code>{code}</Code><Message>s3cret</Message></Error>".encode()
    with serving(lambda handler, _: answer(handler, 403, body)) as server, pytest.raises(ReconnectNeeded, match=code) as caught:
        place(server.url, make_client).items()
    assert "s3cret" not in str(caught.value)


def test_a_storage_that_stays_down_is_told(make_client: MakeClient) -> None:
    with serving(lambda handler, _: answer(handler, 503)) as server, pytest.raises(Retry, match="503 again and again"):
        place(server.url, make_client).items()


def test_another_region_is_told(make_client: MakeClient) -> None:
    behave = lambda handler, _: answer(handler, 301, x_amz_bucket_region="eu-west-3")  # noqa: E731
    with serving(behave) as server, pytest.raises(StopStream, match="set region"):
        place(server.url, make_client).items()


def test_an_endpoint_that_is_no_storage_is_told(make_client: MakeClient) -> None:
    with (
        serving(lambda handler, _: answer(handler, 200, b"<html>hello")) as server,
        pytest.raises(StopStream, match="check the endpoint"),
    ):
        place(server.url, make_client).items()


def test_without_keys_nothing_is_signed(make_client: MakeClient) -> None:
    with serving(faulty(listed, listed)) as server:
        assert place(server.url, make_client, secret={}).items()
        assert "Signature" not in server.requests[0][1]


def test_one_key_alone_is_told(make_client: MakeClient) -> None:
    with pytest.raises(ReconnectNeeded, match="set both"):
        place("https://example.com", make_client, secret={"access_key": "key"})


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1:1", "https://169.254.169.254"])
def test_private_endpoints_are_refused_by_default(make_client: MakeClient, endpoint: str) -> None:
    there = BucketPlace({"bucket": "data", "endpoint": endpoint}, KEYS, make_client(private=False), 10)
    with pytest.raises(StopStream, match="IPAI_ALLOW_PRIVATE_URLS"):
        there.items()
