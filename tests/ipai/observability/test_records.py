"""Links from rows to vendors' pages: only those that open a page of a server."""

from __future__ import annotations

import pytest

from ipai.observability.console import records
from ipai.observability.console.records import RecordLink, is_web_address


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://erp.example.com/web#id=4&model=account.move", True),
        ("http://erp.local:8069/odoo/account.move/4", True),
        ("javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        (" https://erp.example.com", False),
        ("data:text/html,<script>alert(1)</script>", False),
        ("//erp.example.com/4", False),
        ("https:///4", False),
        ("https://user:secret@erp.example.com/4", False),
        ("https://[not-an-address/4", False),
        ("", False),
    ],
)
def test_only_addresses_of_web_servers_become_links(url: str, good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_web_address(url) is good
    link = RecordLink(url, "Vendor", "Open it")
    monkeypatch.setattr(records, "linkers", [lambda target, rows: [link for _ in rows]])
    assert records.links("ipai_bronze_core.t", ["id"], [[4]]) == [link if good else None]


def test_the_first_link_that_is_good_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = RecordLink("javascript:1", "Bad", ""), RecordLink("https://example.com/4", "Good", "")
    monkeypatch.setattr(records, "linkers", [lambda _, rows: [bad], lambda _, rows: [good], lambda _, rows: [None]])
    assert records.links("ipai_bronze_core.t", ["id"], [[4]]) == [good]
