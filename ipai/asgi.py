"""The ASGI application that the web process serves: webhooks are taken in front of Django."""

import gc
import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.checks.urls import check_url_config

from ipai.embedded.orphans import exit_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ipai.settings")
if os.environ.get("IPAI_SUPERVISED") == "1":
    exit_with_parent()
settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns when collectstatic never ran
django = get_asgi_application()

from connectors.webhooks.receiver import Receiver  # noqa: E402  (the apps must be loaded before models are)

application = Receiver(django)  # type: ignore[arg-type]  # Django's types say dict where ASGI says mapping

check_url_config(None)  # loads every view now, not with the first request
gc.collect()
gc.freeze()  # what is loaded lives as long as the process: looking at it again makes single requests take 100 ms longer
