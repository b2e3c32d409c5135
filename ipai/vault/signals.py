"""What the vault tells the rest of the portal, in the transaction of the change."""

from django.dispatch import Signal

secret_changed = Signal()
"""``sender=Secret, action="set"|"deleted"|"rewrapped", name: str, actor_name: str, tenant_id: UUID | None``."""
