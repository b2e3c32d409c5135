from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """The audit log is append-only."""

    dependencies: ClassVar = [
        ("lakehouse", "0003_control_plane_rls"),
    ]
    operations: ClassVar = [RunSQLFile("0004_audit_log")]
