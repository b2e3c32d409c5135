"""The gold tables of DevOps figures, and the indexes by which a refresh finds what changed."""

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("lakehouse", "0007_bronze_devops")]

    operations = [RunSQLFile("0001_gold")]
