"""What error reports may show."""

from __future__ import annotations

import re

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class SecretsFilter(SafeExceptionReporterFilter):
    """Hides sensitive variables on debug pages too (Django shows them there), and settings that hold URLs with passwords."""

    hidden_settings = re.compile(SafeExceptionReporterFilter.hidden_settings.pattern + "|_URL$|_DSN$|SERVICES", flags=re.IGNORECASE)

    def is_active(self, request: HttpRequest | None) -> bool:
        return True
