"""Odoo's JSON -> values of the expected shape; what cannot be one is said in one clear line."""

from __future__ import annotations

import json
import threading
from functools import lru_cache
from typing import Any, Generic, TypeVar

import httpx
import msgspec

from connectors.contract import Retry, StopStream

Result = TypeVar("Result")


class Reply(msgspec.Struct, Generic[Result]):
    """An answer of JSON-RPC; one without a result is None."""

    jsonrpc: str
    result: Result | None = None
    error: dict[str, Any] | None = None


_BUILDING = threading.Lock()


def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    """The decoder of a type. Built by one thread at a time: msgspec crashes when two look into a new type at once."""
    with _BUILDING:
        return _built(shape)


@lru_cache(maxsize=64)
def _built(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def decoded(url: str, asked: str, response: httpx.Response, shape: Any) -> Any:
    """The body in this shape. Raises Retry for a cut one, StopStream for another form; ``asked`` is the call, for people."""
    try:
        return _decoder(shape).decode(response.content)
    except msgspec.ValidationError as error:
        raise _strange(url, asked, error) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _loosely(url, asked, response, shape)


def shaped(url: str, asked: str, answer: Any, shape: Any) -> Any:
    """A value in this shape; StopStream for another one, and for none at all."""
    if shape is Any:
        return answer
    _decoder(shape)
    try:
        return msgspec.convert(answer, shape)
    except msgspec.ValidationError as error:
        raise _strange(url, asked, error) from None


def _strange(url: str, asked: str, error: Exception) -> StopStream:
    return StopStream(f"{url} answered {asked} in another form than Odoo does ({error}): is it the address of an Odoo server?")


def _loosely(url: str, asked: str, response: httpx.Response, shape: Any) -> Any:
    """What Python's JSON takes and the standard does not: NaN, Infinity, halves of characters (they become U+FFFD)."""
    try:
        found = _whole(json.loads(response.content))
    except (ValueError, RecursionError):
        if "json" in response.headers.get("content-type", ""):
            raise Retry(f"{url} sent JSON that ends too early or cannot be read") from None
        raise StopStream(f"{url} does not answer as an Odoo server: is it the right address?") from None
    return shaped(url, asked, found, shape)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value
