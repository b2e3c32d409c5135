from django.db import migrations, models

OPEN = ["queued", "running"]


class Migration(migrations.Migration):
    """Runs that load webhooks go on beside a run that reads: one open run of each kind per connector."""

    dependencies = [
        ("connectors", "0003_stream_fields"),
    ]
    operations = [
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("connector_id", models.UUIDField(db_column="_connector_id")),
                ("tenant_id", models.UUIDField(db_column="_tenant_id")),
                ("run_id", models.UUIDField(db_column="_run_id", null=True)),
                ("id", models.TextField(db_column="delivery_id")),
                ("event", models.TextField()),
                ("action", models.TextField(null=True)),
                ("repository_id", models.BigIntegerField(null=True)),
                ("hook_id", models.BigIntegerField(null=True)),
                ("received_at", models.DateTimeField()),
                ("happened_at", models.DateTimeField(null=True)),
                (
                    "status",
                    models.TextField(
                        choices=[("pending", "Pending"), ("done", "Done"), ("failed", "Failed"), ("ignored", "Ignored")]
                    ),
                ),
                ("attempts", models.SmallIntegerField()),
                ("receipts", models.IntegerField()),
                ("retry_at", models.DateTimeField(null=True)),
                ("processed_at", models.DateTimeField(null=True)),
                ("error", models.TextField(null=True)),
                ("payload", models.BinaryField(null=True)),
                ("payload_bytes", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey("connector_id", "id", blank=True, editable=False, primary_key=True, serialize=False),
                ),
            ],
            options={
                "verbose_name": "webhook delivery",
                "verbose_name_plural": "webhook deliveries",
                "db_table": 'ipai_bronze_devops"."webhook_deliveries',
                "managed": False,
            },
        ),
        migrations.RemoveConstraint("connectorrun", "one_open_run_per_connector"),
        migrations.AddConstraint(
            "connectorrun",
            models.UniqueConstraint(
                condition=models.Q(status__in=OPEN) & ~models.Q(trigger="webhook"),
                fields=("connector",),
                name="one_open_run_per_connector",
            ),
        ),
        migrations.AddConstraint(
            "connectorrun",
            models.UniqueConstraint(
                condition=models.Q(status__in=OPEN, trigger="webhook"), fields=("connector",), name="one_webhook_run_per_connector"
            ),
        ),
    ]
