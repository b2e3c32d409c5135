from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """The statements as views of today and as functions of any date."""

    dependencies: ClassVar = [("finance", "0002_gold")]
    operations: ClassVar = [RunSQLFile("0003_reports")]
