from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """Row level security on the record of loaded columns, and its first content from the history of runs."""

    dependencies: ClassVar = [
        ("lakehouse", "0005_run_connector"),
        ("connectors", "0002_loaded_table"),
    ]
    operations: ClassVar = [RunSQLFile("0006_loaded_table")]
