from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """The role ipai_user and the functions that say who is asking."""

    dependencies: ClassVar = [
        ("lakehouse", "0001_schemas"),
    ]
    operations: ClassVar = [RunSQLFile("0002_roles")]
