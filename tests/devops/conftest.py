"""A made-up organisation, and the clock that its figures go by."""

from __future__ import annotations

from typing import Any

import pytest

from tests.devops.organisation import Organisation, at


@pytest.fixture
def fixed_now(settings: Any) -> Any:
    """Now is the first of March 2026."""
    settings.IPAI_NOW = at("03-01")
    return settings.IPAI_NOW


@pytest.fixture
def org(tenant: Any, fixed_now: Any) -> Organisation:
    """One connector of the default tenant with one repository."""
    return Organisation(tenant.pk)
