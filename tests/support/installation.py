"""A pytest plugin (see addopts): the installation that tests use, said before Django reads its settings.

Tests never touch the data of a portal that runs from this folder. A conftest would come too late: pytest-django reads
the settings before it.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

HOME = Path(__file__).resolve().parent.parent.parent / ".ipai" / "test"
os.environ.setdefault("IPAI_HOME", str(HOME))
os.environ.setdefault("IPAI_EMBEDDED_FSYNC", "0")
os.environ["IPAI_ALLOW_PRIVATE_URLS"] = "0"
os.environ.pop("IPAI_FILES_ROOTS", None)

# One broker per xdist worker, so that workers started by tests take only their own messages.
NUMBER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
# Said once, by the process that starts the xdist workers: they inherit the REDIS_URL that is set below.
EMBEDDED_BROKER = os.environ.setdefault("IPAI_TEST_BROKER", "outside" if "REDIS_URL" in os.environ else "embedded") == "embedded"
if EMBEDDED_BROKER:
    from ipai.embedded.services import Services

    SERVICES = Services(Path(os.environ["IPAI_HOME"]) / f"broker{NUMBER}")
    os.environ["REDIS_URL"] = SERVICES.redis_url
else:
    os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{NUMBER}").geturl()
