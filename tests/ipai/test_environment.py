"""Variables that are spelled differently by the libraries which read them."""

from __future__ import annotations

import pytest
import redis

from ipai.environment import redis_py_url


@pytest.mark.parametrize(
    ("url", "path", "number"),
    [
        ("redis+socket:///run/my%20place/valkey.sock?virtual_host=3", "/run/my place/valkey.sock", 3),
        ("redis+socket:///run/valkey.sock", "/run/valkey.sock", 0),
    ],
)
def test_a_socket_of_the_broker_is_one_for_redis_py_too(url: str, path: str, number: int) -> None:
    pool = redis.ConnectionPool.from_url(redis_py_url(url))
    assert (pool.connection_kwargs["path"], pool.connection_kwargs["db"]) == (path, number)


def test_a_password_of_a_socket_is_kept() -> None:
    pool = redis.ConnectionPool.from_url(redis_py_url("redis+socket://:hush@/run/valkey.sock?virtual_host=1"))
    assert (pool.connection_kwargs["password"], pool.connection_kwargs["path"]) == ("hush", "/run/valkey.sock")


@pytest.mark.parametrize("url", ["redis://:pw@host:6379/2", "rediss://host/0", "unix:///run/redis.sock?db=1"])
def test_other_addresses_stay(url: str) -> None:
    assert redis_py_url(url) == url
