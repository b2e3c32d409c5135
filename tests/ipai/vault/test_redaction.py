"""Values and credentials are cut out of texts, and little else."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipai.vault.redaction import redact, redact_data


@given(st.text(min_size=4, max_size=40, alphabet=st.characters(exclude_categories=["Cs"])), st.binary(max_size=7))
def test_a_value_is_found_in_every_form(value: str, before: bytes) -> None:
    for text in (
        value,
        f"a{value}b",
        quote(value, safe=""),
        quote(value),
        json.dumps({"k": value}),
        json.dumps({"k": value}, ensure_ascii=False),
        repr([value]),
    ):
        assert value not in redact(text, [value]) or value in "***", text
        assert "***" in redact(text, [value])
    if len(value.encode()) >= 6:
        assert "***" in redact(base64.b64encode(before + value.encode() + b"tail").decode(), [value])


def test_short_values_only_alone() -> None:
    assert redact("id 1 of 12, key=1", ["1"]) == "id *** of 12, key=***"


def test_the_longer_value_goes_whole() -> None:
    assert redact("pass-word-2", ["pass-word", "pass-word-2"]) == "***"


def test_lines_of_a_key() -> None:
    key = "-----BEGIN KEY-----\nabcdefghijklmnopqrstuvwxyz\n-----END KEY-----"
    assert "abcdefghijklmnop" not in redact("got abcdefghijklmnopqrstuvwxyz", [key])


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "{'Authorization': 'Basic ***'}"),
        ("('authorization', b'token xyz')", "('authorization', b'token ***')"),
        ("postgres://ipai:p@ss@db:5432/x", "postgres://ipai:***@db:5432/x"),
        ("https://:key@host/a", "https://:***@host/a"),
        ("GET https://h/a?access_token=xyz&b=1", "GET https://h/a?access_token=***&b=1"),
        ("X-Amz url ?X-Amz-Signature=abc&X-Amz-Credential=k", "X-Amz url ?X-Amz-Signature=***&X-Amz-Credential=***"),
        ("token ipai_" + "a" * 43, "token ipai_***"),
    ],
)
def test_credentials_of_anybody(text: str, clean: str) -> None:
    assert redact(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "basic authentication is needed",
        "ipai_bronze_core.orders",
        "https://host:8080/path?x=1",
        "mail me at a@b.example: soon",
        "2026-01-01 10:00:00 rows=12",
    ],
)
def test_ordinary_texts_stay(text: str) -> None:
    assert redact(text, ["", "never"]) == text


def test_data_is_cleaned_all_through() -> None:
    data = {"a": ["https://u:p@h/", {"b": ("x secret y", 1, None, True)}], "secret": 1}
    assert redact_data(data, ["secret"]) == {"a": ["https://u:***@h/", {"b": ["x *** y", 1, None, True]}], "***": 1}
