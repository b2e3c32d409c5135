"""The same people as in the connectors' pages."""

from tests.connectors.admin.conftest import as_role, other_tenant, static_folder

__all__ = ["as_role", "other_tenant", "static_folder"]
