"""Numbers as pages show them."""

from __future__ import annotations

import pytest
from django.template import Context, Template


@pytest.mark.parametrize(
    ("stored", "shown"), [({"records": 12345}, "12,345"), ({"records": None}, "-"), ({}, "-"), ({"records": 0}, "0")]
)
def test_a_count_that_nobody_wrote_down_is_a_dash(stored: dict[str, int | None], shown: str) -> None:
    assert Template("{% load console %}{{ proof.records|count }}").render(Context({"proof": stored})) == shown
