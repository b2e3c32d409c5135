"""The demo company's ledger, loaded by a run, with the bank lines that its bookkeeper has not matched yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from finance.reconciliation.models import Suggestion
from tests.connectors.api.conftest import Api, admin, api, callers, fresh_client, other_tenant, stranger, token
from tests.connectors.conftest import connect, odoo

__all__ = ["Api", "admin", "api", "callers", "connect", "fresh_client", "odoo", "other_tenant", "stranger", "token"]


@pytest.fixture
def ledger(odoo: Any, connect: Callable[..., Any], run_now: Callable[..., Any]) -> Any:
    """The connector after its first sync, which brings the suggestions."""
    connector = connect(page_size=1000)
    run = run_now(connector)
    assert run.status == "success", run.error_message
    return connector


@pytest.fixture
def suggested(ledger: Any) -> list[Suggestion]:
    """Its suggestions, by bank line."""
    return list(Suggestion.objects.order_by("bank_line_id"))
