from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    name = "ipai.access"
    label = "access"
    verbose_name = "People and access"

    def ready(self) -> None:
        from ipai.access.roles import sync_roles

        post_migrate.connect(sync_roles, dispatch_uid="ipai.access.roles")
