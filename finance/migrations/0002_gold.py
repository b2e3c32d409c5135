from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """Gold: the tables that statements and ageing are summed from, row level security on each."""

    dependencies: ClassVar = [("finance", "0001_silver")]
    operations: ClassVar = [RunSQLFile("0002_gold")]
