"""What follows a load of DevOps records, and the tools that agents may call."""

from __future__ import annotations

from devops.gold.refresh import refresh
from ipai.toolkit import Load, after_load


@after_load("ipai_bronze_devops")
def refresh_gold(load: Load) -> None:
    """Bring the connector's figures up to date."""
    refresh(load.connector_id, load.tenant_id)
