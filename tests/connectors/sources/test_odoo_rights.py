"""A user who may sign in to Odoo and sees less than all: the proof says what it does not prove."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import call_command

from connectors.demo.odoo.server import FakeOdoo
from connectors.sources.odoo.models import MODELS
from tests.support.odoo import LEDGER

pytestmark = pytest.mark.django_db(transaction=True)


def checked(name: str) -> dict[str, Any]:
    """What checkconnector says, line by line."""
    out = io.StringIO()
    call_command("checkconnector", name, "--json", stdout=out)
    return {line["name"]: line for line in json.loads(out.getvalue().splitlines()[-1])["checks"]}


def test_an_empty_ledger_is_not_a_proud_proof(portal_user: FakeOdoo, connect: Any, run_now: Any) -> None:
    connector = connect()
    run = run_now(connector)
    assert run.status == "success", run.error_message
    proof = run.metadata["proof"]
    assert (proof["ok"], proof["streams"]["journal_entries"]["records"]) == (True, 0)
    wanted = "journal_entries: Odoo user reader sees no journal items (account.move.line), and 0 = 0 proves nothing."
    assert [line for line in proof["warnings"] if line.startswith(wanted)]
    assert "Show Full Accounting Features - Readonly" in " ".join(proof["warnings"])
    assert {line.partition(":")[0] for line in proof["warnings"]} == {m.table for m in MODELS if m.name in LEDGER}
    assert len([line for line in run.metadata["warnings"] if line.startswith(wanted)]) == 1, "once, though it was compared twice"


def test_checkconnector_warns_of_an_empty_ledger(portal_user: FakeOdoo, connect: Any) -> None:
    connect()
    lines = checked("erp")
    assert {name for name, line in lines.items() if line["warning"]} == {m.table for m in MODELS if m.name in LEDGER}
    assert lines["journal_entries"]["ok"]
    assert "sees no journal items" in lines["journal_entries"]["detail"]
    out = io.StringIO()
    call_command("checkconnector", "erp", stdout=out)
    assert "warn  journal_entries: 0 records of account.move.line" in out.getvalue()
    assert "ok    partners: " in out.getvalue()


@pytest.mark.parametrize("version", [18, 19])
def test_sums_of_hidden_fields_are_said_not_to_be_proven(
    odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, version: int
) -> None:
    odoo.version = version
    odoo.denied_fields["account.move.line"] = {"debit", "credit", "balance"}
    connector = connect(models=["account.move.line"])
    for _ in range(2):  # the first run reads everything, the second one only looks
        run = run_now(connector)
        assert run.status == "success", run.error_message
        proof = run.metadata["proof"]
        assert proof["unproven"] == {"journal_entries": ["debit", "credit", "balance"]}
        assert proof["streams"]["journal_entries"]["records"] == len(odoo.store.rows["account.move.line"])
        line = "Odoo user reader does not see debit, credit, balance of account.move.line: these sums were not compared with Odoo."
        assert [warning for warning in run.metadata["warnings"] if warning.startswith(line)]
    assert checked("erp")["journal_entries"]["warning"]


def test_a_user_who_sees_all_is_not_warned(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    run = run_now(connect())
    proof = run.metadata["proof"]
    assert (proof["warnings"], proof["unproven"]) == ([], {})
    assert proof["streams"]["journal_entries"]["records"] == len(odoo.store.rows["account.move.line"])
    assert proof["records"] == sum(len(odoo.store.rows[model.name]) for model in MODELS)
    assert not [line for line in checked("erp").values() if line["warning"]]
