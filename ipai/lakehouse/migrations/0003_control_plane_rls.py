from typing import ClassVar

from django.db import migrations

from ipai.lakehouse.sqlmigration import RunSQLFile


class Migration(migrations.Migration):
    """Row level security on every table in public, and what ipai_user may read of them."""

    dependencies: ClassVar = [
        ("lakehouse", "0002_roles"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations: ClassVar = [RunSQLFile("0003_control_plane_rls")]
