"""Reading JSON bodies: bounded, and without what PostgreSQL cannot store."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from ipai.access.problems import Problem

LARGEST_BODY = 1024 * 1024


class StrictJSONParser(BaseParser):
    """JSON of at most 1 MiB: no NaN, no numbers beyond a double, no name twice, no NUL and no half surrogate pairs in texts."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        raw = stream.read(LARGEST_BODY + 1)
        if len(raw) > LARGEST_BODY:
            raise Problem(413, f"The body is larger than {LARGEST_BODY} bytes", "too-big")
        try:
            data = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_without_repeats)
            _check(data)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply") from None
        except ValueError as error:  # also bad UTF-8 and integers of thousands of digits
            raise ParseError(f"The body is not JSON that can be used: {_reason(error)}") from None
        return data


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object names something twice")
    return found


def _check(data: Any) -> None:
    if isinstance(data, str):
        if "\x00" in data:
            raise ValueError("texts may not hold the character U+0000")
        data.encode()
    elif isinstance(data, float) and not math.isfinite(data):
        raise ValueError("a number is too large")
    elif isinstance(data, dict):
        for key, value in data.items():
            _check(key)
            _check(value)
    elif isinstance(data, list):
        for value in data:
            _check(value)


def _reason(error: ValueError) -> str:
    """What is wrong, without repeating the body, which may hold a secret."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeError):
        return "it is not UTF-8"
    return str(error) if "digit" not in str(error) else "a number has too many digits"
