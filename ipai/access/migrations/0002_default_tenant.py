import uuid
from typing import ClassVar

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

DEFAULT_TENANT_ID = uuid.UUID("1b0a7e5e-0000-4000-8000-000000000001")


def create_default(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The tenant that a single-tenant portal never notices."""
    tenants = apps.get_model("access", "Tenant").objects.using(schema_editor.connection.alias)
    tenants.get_or_create(slug="default", defaults={"id": DEFAULT_TENANT_ID, "name": "Default"})


class Migration(migrations.Migration):
    """The default tenant. The reverse leaves it: other rows rest on it."""

    dependencies: ClassVar = [("access", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(create_default, migrations.RunPython.noop)]
