import django.db.models.deletion
from django.db import migrations, models

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """What becomes of each vendor's fields, with row level security; an index that leads to a connector's last proof."""

    dependencies = [
        ("connectors", "0002_loaded_table"),
        ("lakehouse", "0006_loaded_table"),
    ]
    operations = [
        migrations.CreateModel(
            name="StreamFields",
            fields=[
                ("stream", models.CharField(max_length=200)),
                ("fields", models.JSONField(default=list)),
                ("read_at", models.DateTimeField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "connector_id", "stream", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "connector",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="stream_fields",
                        to="connectors.connectorconfig",
                    ),
                ),
            ],
            options={"db_table": "ipai_stream_fields"},
        ),
        RunSQLFile("0003_stream_fields"),
        migrations.AddIndex(
            model_name="connectorrun",
            index=models.Index(
                fields=["connector", "-queued_at", "-id"],
                condition=models.Q(metadata__proof__at__isnull=False),
                name="run_proven",
            ),
        ),
    ]
