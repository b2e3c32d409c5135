"""The console pages of connectors and runs. Django's admin autodiscovery imports this."""

from connectors.admin import actions, connectors, dashboard, edit, records, runs, secrets, webhooks

__all__ = ["actions", "connectors", "dashboard", "edit", "records", "runs", "secrets", "webhooks"]
