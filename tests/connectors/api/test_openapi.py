"""The description of the API: complete, without warnings, and the one in docs/ is the one that is served."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[3]
HOW = "python manage.py spectacular --format openapi-json --file docs/openapi.json"


def generated(**options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out, **options)
    return json.loads(out.getvalue())


def test_it_is_valid_and_generated_without_warnings() -> None:
    generated(validate=True, fail_on_warn=True)


def test_docs_openapi_json_is_up_to_date() -> None:
    assert json.loads((ROOT / "docs/openapi.json").read_text()) == generated(), f"run: {HOW}"


def test_every_operation_is_described() -> None:
    seen = set()
    for path, operations in generated()["paths"].items():
        if not path.startswith("/api/v1/"):
            continue
        for method, operation in operations.items():
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            assert operation["summary"], (method, path)
            for status in ("400", "401", "403", "404", "429"):
                assert "application/problem+json" in operation["responses"][status]["content"]
    assert len(seen) >= 21


@pytest.mark.django_db
def test_the_docs_page_needs_nothing_from_outside(client: Any) -> None:
    page = client.get("/api/docs/").content.decode()
    assert "//cdn" not in page
    assert "https://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        file = client.get(f"/static/drf_spectacular_sidecar/swagger-ui-dist/{asset}")
        assert file.status_code == 200
        file.close()
    assert client.get("/api/schema/").status_code == 200
