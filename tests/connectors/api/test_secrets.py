"""A secret planted through the API is found nowhere: not in answers, not in the database, not in logs."""

from __future__ import annotations

import base64
import html
import json
import logging
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from django.db import connection

from connectors import services
from connectors.models import ConnectorConfig, ConnectorRun
from ipai.vault.redaction import RedactingFilter
from tests.connectors.api.conftest import SECRET

pytestmark = pytest.mark.django_db

FORMS = {
    SECRET,
    quote(SECRET, safe=""),
    quote_plus(SECRET),
    json.dumps(SECRET)[1:-1],
    json.dumps(SECRET, ensure_ascii=False)[1:-1],
    html.escape(SECRET),
    repr(SECRET)[1:-1],
    base64.b64encode(SECRET.encode()).decode().rstrip("="),
}


def assert_clean(text: str, where: str) -> None:
    for form in FORMS:
        assert form not in text, f"the secret is in {where}"


@pytest.fixture
def planted(api: Any, files: Any, caplog: Any, settings: Any) -> ConnectorConfig:
    body = {
        "name": "planted",
        "connector_type": "files",
        "config": {"url": "https://127.0.0.1:9/none.csv", "table": "planted"},
        "secrets": {"token": SECRET},
    }
    settings.IPAI_ALLOW_PRIVATE_URLS = True  # saved while it was allowed; its runs are refused
    made = api.post("connectors/", body)
    settings.IPAI_ALLOW_PRIVATE_URLS = False
    assert made.status_code == 201
    assert_clean(made.content.decode(), "the answer to its creation")
    return ConnectorConfig.objects.get(name="planted")


def test_answers(admin: Any, api: Any, planted: ConnectorConfig) -> None:
    run_id = admin.post("rpc/run_connector", {"connector": "planted"}).json()["run_id"]
    services.execute_run(ConnectorRun.objects.get(pk=run_id).pk)
    assert ConnectorRun.objects.get(pk=run_id).status == "failed"
    answers = [
        admin.post("connectors/planted/check/"),
        admin.patch("connectors/planted/", {"secrets": {"token": SECRET + "2"}}),
        admin.patch("connectors/planted/", {"config": {"table": SECRET}, "secrets": {"token": SECRET}}),
        admin.post("connectors/", {"name": "x", "connector_type": "files", "config": {}, "secrets": {"wrong": SECRET}}),
        admin.post("connectors/", {"name": "x", "connector_type": "files", "config": {}, "secrets": SECRET}),
        *(
            admin.get(path)
            for path in (
                "connectors/",
                "connectors/planted/",
                "connector-runs/",
                f"connector-runs/{run_id}/",
                f"connector-runs/{run_id}/log/",
                f"connector-runs/{run_id}/rejected/",
                "audit-log/",
                "catalog/",
            )
        ),
    ]
    for number, answer in enumerate(answers):
        assert answer.status_code < 500, answer.content
        if number == 2:
            continue  # what a caller writes into the config is theirs to see
        assert_clean(answer.content.decode(), f"answer {number}: {answer.request['PATH_INFO']}")
    assert_database_is_clean()


def test_logs(planted: ConnectorConfig, caplog: Any) -> None:
    """What the console's handler prints, with the filter on it, for every form in which libraries print a value."""
    services.configs.secrets_of(planted)  # now it is in use
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Keep()
    handler.addFilter(RedactingFilter())
    log = logging.getLogger("tests.redaction")
    log.addHandler(handler)
    try:
        for form in FORMS:
            log.warning("request with %s and more", form)
        log.warning("Authorization: Basic %s", base64.b64encode(f"user:{SECRET}".encode()).decode())
        try:
            raise ValueError(f"cannot use {SECRET}")
        except ValueError:
            log.exception("failed")
    finally:
        log.removeHandler(handler)
    assert len(lines) == len(FORMS) + 2
    for line in lines:
        assert_clean(line, "the log")


def assert_database_is_clean() -> None:
    """Every column of every table, as text and, for bytes, as they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
            " WHERE table_schema = 'public' OR table_schema LIKE 'ipai\\_%'"
        )
        tables = [name for (name,) in cursor.fetchall()]
        assert "public.ipai_secret" in tables
        for table in tables:
            cursor.execute(f"SELECT t::text FROM {table} AS t")
            for (row,) in cursor.fetchall():
                assert_clean(row, table)
                assert SECRET.encode().hex() not in row


def test_debug_pages_hide_it(planted: ConnectorConfig, settings: Any, monkeypatch: Any, rf: Any) -> None:
    """The technical 500 page, with DEBUG on, for a crash while the secret is in local variables."""
    import sys

    from django.views.debug import ExceptionReporter

    from ipai.vault import services as vault

    settings.DEBUG = True

    def crash(*_: Any) -> None:
        raise RuntimeError("crash")

    monkeypatch.setattr(vault, "_cipher", crash)
    try:
        vault.set_secret(planted.tenant_id, "a", SECRET, "tester")
    except RuntimeError:
        page = ExceptionReporter(rf.get("/"), *sys.exc_info())
    frames = page.get_traceback_data()["frames"]
    ours = [frame for frame in frames if "ipai/vault" in frame["filename"]]
    assert ours
    for frame in ours:
        assert_clean(str(frame["vars"]), f"the variables of {frame['function']}")
    text = page.get_traceback_text()
    assert str(settings.DATABASES["default"].get("PASSWORD") or "no password set") not in text.replace("no password set", "")
    assert settings.DATABASE_URL not in text
    assert settings.IPAI_VAULT_KEYS[0] not in text
