"""The app that brings the commands ``up``, ``stop`` and ``dburl``."""

from django.apps import AppConfig


class EmbeddedConfig(AppConfig):
    name = "ipai.embedded"
    label = "embedded"
    verbose_name = "Embedded services"
