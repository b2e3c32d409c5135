"""The ASGI application that the web process serves."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from ipai.embedded.orphans import exit_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ipai.settings")
if os.environ.get("IPAI_SUPERVISED") == "1":
    exit_with_parent()
settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns when collectstatic never ran
application = get_asgi_application()
