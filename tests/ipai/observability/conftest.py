from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def static_folder(settings: Any) -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
