from django.apps import AppConfig


class ObservabilityConfig(AppConfig):
    name = "ipai.observability"
    label = "observability"
    verbose_name = "Observability"

    def ready(self) -> None:
        from ipai.observability import listeners

        listeners.connect()
