"""Django's PostgreSQL backend, which starts the embedded server when a connection is wanted.

Everything else is Django's: only ``get_new_connection`` differs.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base
from django.db.utils import OperationalError
from psycopg import OperationalError as DriverOperationalError

from ipai.embedded.errors import ServiceError
from ipai.embedded.services import Services


class DatabaseWrapper(base.DatabaseWrapper):
    """The ENGINE of settings without DATABASE_URL; ``settings.IPAI_SERVICES`` is the home's ``Services``."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        services: Services | None = settings.IPAI_SERVICES
        if services is None:
            raise ImproperlyConfigured("the engine ipai.embedded.backend needs IPAI_SERVICES")
        try:
            services.ensure_postgres()
            try:
                return super().get_new_connection(conn_params)
            except DriverOperationalError:
                # Died or restarting since it noted that it is ready: wait for it, then the second answer counts.
                services.ensure_postgres(doubtful=True)
                return super().get_new_connection(conn_params)
        except ServiceError as error:
            raise OperationalError(str(error)) from error
