from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """public.run_connector(): queue a run from SQL."""

    dependencies: ClassVar = [
        ("lakehouse", "0004_audit_log"),
    ]
    operations: ClassVar = [RunSQLFile("0005_run_connector")]
