from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """Deliveries of webhooks as the portal keeps them: what it needs to process each one once, and the payload as received."""

    dependencies: ClassVar = [("lakehouse", "0007_bronze_devops")]
    operations: ClassVar = [RunSQLFile("0008_webhook_deliveries")]
