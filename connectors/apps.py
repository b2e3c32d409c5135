from django.apps import AppConfig


class ConnectorsConfig(AppConfig):
    name = "connectors"
    verbose_name = "Connectors"

    def ready(self) -> None:
        from connectors import checks  # noqa: F401  (registers the system checks)
        from connectors.webhooks import metrics
        from ipai.observability import health

        health.collectors.append(metrics.collect)
