"""Ledgers by hand, and callers of the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.finance.ledger import Ledger


@pytest.fixture(autouse=True)
def today(settings: Any) -> None:
    """A fixed clock."""
    settings.IPAI_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def ledger(tenant: Any) -> Ledger:
    """An empty ledger of one company, EUR."""
    return Ledger(tenant)


@pytest.fixture
def another(db: None) -> Callable[[str], Ledger]:
    """A ledger of another tenant."""
    from ipai.access.models import Tenant

    def make(slug: str) -> Ledger:
        return Ledger(Tenant.objects.create(slug=slug, name=slug))

    return make
