from django.apps import AppConfig


class LakehouseConfig(AppConfig):
    name = "ipai.lakehouse"
    label = "lakehouse"
    verbose_name = "Lakehouse"
