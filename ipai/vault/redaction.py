"""Keeping secrets out of logs, error messages and metadata.

Two nets: the values themselves, in every form in which libraries print them, and what looks like a credential
whoever it belongs to (Authorization headers, passwords in URLs, the portal's own tokens).
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
SHORT = 4
"""Values shorter than this are only replaced where they stand alone: every "1" would be masked otherwise."""
REMEMBERED = 500

CREDENTIALS = re.compile(
    r"""(?ix)
    (?P<header> \b(?:proxy-)?authorization["']?\s*[:=,]\s*["']?(?:b["'])?(?:(?:bearer|basic|token|digest|negotiate)\s+)? )
        [^\s"',;}]+
    | (?P<scheme> \b(?:bearer|basic)\s+ ) (?=\S*[\d=]) [A-Za-z0-9._~+/=-]{12,}
    | (?P<url> \b[a-z][a-z0-9+.-]*://[^\s/:@?\#"']* : ) [^\s/"']+ (?=@)
    | (?P<query> [?&](?:access_token|api_?key|token|password|passwd|pwd|secret|signature|sig
        |x-amz-(?:signature|credential|security-token))= ) [^&\s"'<>]+
    | (?P<own> \bipai_ ) [A-Za-z0-9_-]{40,}
    """
)

_revealed: OrderedDict[str, None] = OrderedDict()
_lock = Lock()


def redact(text: str, values: Iterable[str] = ()) -> str:
    """The text with every value, and everything that looks like a credential, replaced by ``***``."""
    pattern = _pattern(tuple(sorted({value for value in values if value})))
    if pattern is not None:
        text = pattern.sub(MASK, text)
    return CREDENTIALS.sub(_keep_name, text)


def safe_line(text: str, values: Iterable[str] = (), most: int = 1_000) -> str:
    """The same for a message of somebody else's, shortened afterwards: what is cut before could end within a secret."""
    clean = redact(text, values)
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def redact_data(data: Any, values: Iterable[str] = ()) -> Any:
    """The same for JSON-like data: every text in it, keys too."""
    known = tuple(values)
    if isinstance(data, str):
        return redact(data, known)
    if isinstance(data, dict):
        return {redact(key, known) if isinstance(key, str) else key: redact_data(value, known) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [redact_data(value, known) for value in data]
    return data


def remember(values: Iterable[str]) -> None:
    """Let this process's log filter know values that are in use from now on (the newest 500 are kept)."""
    with _lock:
        for value in values:
            _revealed[value] = None
            _revealed.move_to_end(value)
        while len(_revealed) > REMEMBERED:
            _revealed.popitem(last=False)


class RedactingFilter(logging.Filter):
    """Put on a handler: cleans message and traceback of every record that passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        with _lock:
            known = tuple(_revealed)
        record.msg, record.args = redact(record.getMessage(), known), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text, known)
        return True


def _keep_name(match: re.Match[str]) -> str:
    return f"{next(group for group in match.groups() if group)}{MASK}"


@lru_cache(maxsize=64)
def _pattern(values: tuple[str, ...]) -> re.Pattern[str] | None:
    if not values:
        return None
    long: set[str] = set()
    short: set[str] = set()
    for value in values:
        for form in _forms(value):
            (long if len(form) >= SHORT else short).add(form)
    # The longest first: a value that contains another must go whole.
    pieces = [re.escape(form) for form in sorted(long, key=len, reverse=True)]
    pieces += [rf"(?<!\w){re.escape(form)}(?!\w)" for form in sorted(short)]
    return re.compile("|".join(pieces))


def _forms(value: str) -> set[str]:
    """The value as it may be printed: plain, in URLs, JSON, HTML and Python's repr, base64; its long lines too."""
    forms = {
        value,
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        quote(value, safe="").replace("%20", "+"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value),
        repr(value)[1:-1],
    }
    forms |= {re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), form) for form in tuple(forms) if "%" in form}
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) >= SHORT:
        forms |= {form for shift in range(3) for form in _base64_within(raw, shift)}
        forms.add(raw.hex())
    if "\n" in value:
        forms |= {line for line in value.splitlines() if len(line) >= 16}
    return forms


def _base64_within(raw: bytes, shift: int) -> set[str]:
    """How the bytes look inside a longer base64 text, e.g. ``user:value``, when ``shift`` bytes of a group precede."""
    whole = base64.b64encode(b"\0" * shift + raw)
    first = -(-shift * 8 // 6)  # characters that still depend on what precedes
    last = (shift + len(raw)) * 8 // 6
    text = whole[first:last].decode()
    return {text, text.replace("+", "-").replace("/", "_")} if len(text) >= SHORT else set()
