from django.apps import AppConfig


class DevopsConfig(AppConfig):
    name = "devops"
    verbose_name = "DevOps"
