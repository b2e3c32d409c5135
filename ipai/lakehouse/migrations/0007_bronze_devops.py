from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """The bronze tables of the GitHub connector, protected like every table of their schema."""

    dependencies: ClassVar = [("lakehouse", "0006_loaded_table")]
    operations: ClassVar = [RunSQLFile("0007_bronze_devops")]
