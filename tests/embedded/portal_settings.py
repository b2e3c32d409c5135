"""The least that the commands need: settings for programs that the tests start."""

import os
from pathlib import Path

from ipai.embedded.services import Services

IPAI_HOME = Path(os.environ["IPAI_HOME"])
BASE_DIR = Path(os.environ.get("PORTAL_FOLDER", IPAI_HOME))
IPAI_PORT = 8000
IPAI_EMBEDDED_POSTGRES = "DATABASE_URL" not in os.environ
IPAI_EMBEDDED_BROKER = True
IPAI_SERVICES = Services(IPAI_HOME)
DATABASE_URL = os.environ.get("DATABASE_URL", IPAI_SERVICES.database_url)
DATABASES = {"default": IPAI_SERVICES.database}
SECRET_KEY = "only-for-tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "ipai.embedded"]
USE_TZ = True
