from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """The nine medallion schemas, and pgvector where the server has it."""

    dependencies: ClassVar = [
        ("access", "0001_initial"),
        ("vault", "0001_initial"),
        ("observability", "0001_initial"),
        ("connectors", "0001_initial"),
    ]
    operations: ClassVar = [RunSQLFile("0001_schemas")]
