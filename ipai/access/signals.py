"""What this package tells the rest of the portal, in the transaction of the change."""

from django.dispatch import Signal

access_changed = Signal()
"""``entity_type, entity_id, action: str, details: dict, actor_name: str, tenant: Tenant | None``."""
