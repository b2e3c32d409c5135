"""An index of workflow runs by time."""

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("devops", "0001_gold")]

    operations = [RunSQLFile("0002_runs_by_time")]
