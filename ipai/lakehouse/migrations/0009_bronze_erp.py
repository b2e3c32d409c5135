from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """The bronze tables of the Odoo connector, so that silver and gold can stand on them before the first sync."""

    dependencies: ClassVar = [("lakehouse", "0008_webhook_deliveries")]
    operations: ClassVar = [RunSQLFile("0009_bronze_erp")]
