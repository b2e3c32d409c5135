"""When a repository was read last, and why its figures could not be made."""

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("devops", "0002_runs_by_time")]

    operations = [RunSQLFile("0003_reading")]
