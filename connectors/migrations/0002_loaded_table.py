import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Which columns of a shared table each tenant has loaded."""

    dependencies = [
        ("access", "0002_default_tenant"),
        ("connectors", "0001_initial"),
    ]
    operations = [
        migrations.CreateModel(
            name="LoadedTable",
            fields=[
                ("target", models.CharField(max_length=130)),
                ("columns", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "target", "tenant_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="access.tenant"),
                ),
            ],
            options={"db_table": "ipai_loaded_table"},
        ),
    ]
