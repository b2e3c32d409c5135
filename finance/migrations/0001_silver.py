from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """Silver: the ledger's live rows, typed, with companies and currencies resolved."""

    dependencies: ClassVar = [("lakehouse", "0009_bronze_erp")]
    operations: ClassVar = [RunSQLFile("0001_silver")]
