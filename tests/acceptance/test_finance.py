"""Finance against a simulated Odoo: every figure of the server's own truth, at several days, to the cent, over the API."""

from __future__ import annotations

import json
import subprocess
import sys
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from connectors import services
from ipai.access import services as access
from tests.acceptance.conftest import SIMS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
LINES = {
    "income": "income",
    "expense_direct_cost": "direct_cost",
    "gross_profit": "gross_profit",
    "expense": "expense",
    "expense_depreciation": "depreciation",
    "operating_income": "operating_income",
    "income_other": "other_income",
    "net_profit": "net_profit",
}
LEDGERS = {
    "replayed": ((), ("2026-11-23", "2026-06-30", "2026-01-15", "2025-12-31")),
    "seed 1": (("--scale", "6000", "--seed", "1"), ("2026-11-23", "2024-02-29", "2025-07-10")),
    "seed 7": (("--scale", "6000", "--seed", "7"), ("2026-11-23", "2023-12-31", "2026-03-05")),
}


def amount(value: Any) -> Decimal:
    """As the truth rounds it."""
    return round(Decimal(repr(value) if isinstance(value, float) else value), 2) + Decimal(0)


def truth(options: tuple[str, ...], day: str) -> Any:
    """What the simulator says of a day."""
    command = [sys.executable, str(Path(SIMS) / "odoo.py"), "--truth", "--as-of", day, *options]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


class Finance:
    """The API of finance as an auditor."""

    def __init__(self, tenant: Any) -> None:
        self.token = access.create_token(tenant=tenant, name="auditor", roles=("auditor",), actor_name="tester")[1]
        self.client = Client()

    def get(self, route: str, **parameters: Any) -> Any:
        response = self.client.get(f"/api/v1/finance/{route}", parameters, HTTP_AUTHORIZATION=f"Bearer {self.token}")
        assert response.status_code == 200, response.content[:1000]
        return response.json()


@pytest.fixture(params=LEDGERS)
def synced(request: Any, odoo_server: Any, tenant: Any, actor: Any, run_now: Any, files: Any, settings: Any) -> Iterator[Any]:
    """A simulated server, read once; its options and days."""
    options, days = LEDGERS[request.param]
    settings.IPAI_ALLOW_PRIVATE_URLS = True
    server = odoo_server(*options)
    config = {"url": server.url, "database": "main", "user": "admin"}
    connector = services.create_connector(
        actor=actor, tenant=tenant, name="erp", connector_type="odoo", config=config, secrets={"password": "demo-secret-1"}
    )
    run = run_now(connector)
    assert run.status == "success", run.error_message
    return options, days, Finance(tenant), server, lambda: run_now(connector)


def test_every_figure_equals_the_truth_on_every_day(synced: Any) -> None:
    options, days, finance, _, _ = synced
    for day in days:
        told = truth(options, day)
        for company, expected in told["companies"].items():
            compare(finance, int(company), day, expected)


@pytest.mark.parametrize("synced", ["replayed"], indirect=True)
def test_what_changed_in_odoo_changes_the_figures(synced: Any) -> None:
    _, _, finance, server, run_again = synced
    unpaid = [["state", "=", "posted"], ["payment_state", "=", "not_paid"], ["move_type", "in", ["in_invoice", "out_invoice"]]]
    server.call("account.move", "button_draft", server.call("account.move", "search", unpaid, limit=5))
    assert run_again().status == "success"
    compare(finance, 1, "2026-11-23", server.truth()["companies"]["1"])


def compare(finance: Finance, company: int, day: str, expected: Any) -> None:
    """All that the truth holds of one company on a day."""
    profit_and_loss(finance, company, day, expected["profit_and_loss"])
    balance_sheet(finance, company, day, expected["balance_sheet"])
    rows = finance.get("trial-balance", company=company, as_of=day)["rows"]
    ours = sorted((one["code"], one["name"], one["account_type"], one["balance"]) for one in rows if Decimal(one["balance"]))
    assert ours == sorted(
        (one["code"], one["name"], one["account_type"], str(amount(one["balance"]))) for one in expected["trial_balance"]
    ), (company, day)
    for kind, side in (("receivable", "ar_ageing"), ("payable", "ap_ageing")):
        aging(finance, company, day, kind, expected[side])
    cash(finance, company, day, expected["cash_movement"])


def assert_totals(ours: Any, theirs: Any, where: Any) -> None:
    assert {name: ours[line] for name, line in LINES.items()} == {name: str(amount(theirs[name])) for name in LINES}, where


def profit_and_loss(finance: Finance, company: int, day: str, expected: Any) -> None:
    year = int(day[:4])
    ranges = {f"fy{year}_to_date": (f"{year}-01-01", day), "all_to_date": ("1990-01-01", day)}
    ranges |= {
        name: (f"{name[2:]}-01-01", f"{name[2:]}-12-31") for name in expected if name.startswith("fy") and "to_date" not in name
    }
    for name, (first, last) in ranges.items():
        body = finance.get("profit-and-loss", company=company, **{"from": first, "to": last})
        assert_totals(body["periods"][0]["totals"], expected[name], (company, day, name))
    months = list(expected["by_month"])
    body = finance.get("profit-and-loss", company=company, period="month", **{"from": f"{months[0]}-01", "to": day})
    assert [one["from"][:7] for one in body["periods"]] == months
    for one, month in zip(body["periods"], months, strict=True):
        assert_totals(one["totals"], expected["by_month"][month], (company, day, month))


def balance_sheet(finance: Finance, company: int, day: str, expected: Any) -> None:
    sheet = finance.get("balance-sheet", company=company, as_of=day)
    theirs = expected["assets"] | expected["liabilities"] | expected["equity"]
    assert sheet["by_type"] == {kind: str(amount(value)) for kind, value in theirs.items()}, (company, day)
    assert sheet["totals"] == {
        "assets": str(amount(expected["total_assets"])),
        "liabilities": str(amount(expected["total_liabilities"])),
        "equity": str(amount(expected["total_equity"])),
        "current_year_earnings": str(amount(expected["current_year_unallocated_earnings"])),
        "prior_years_earnings": str(amount(expected["previous_years_unallocated_earnings"])),
    }, (company, day)
    assert sheet["proof"]["differs"] == []


def aging(finance: Finance, company: int, day: str, kind: str, expected: Any) -> None:
    for only, group in ((None, "all_open_items"), ("invoices", "invoices_only")):
        entry = finance.get("aging", company=company, as_of=day, kind=kind, **({"only": only} if only else {}))
        theirs = {name: str(amount(value)) for name, value in expected[group].items() if name not in ("total", "lines")}
        assert (entry["buckets"], entry["total"]) == (theirs, str(amount(expected[group]["total"]))), (company, day, kind, group)
        assert entry["items"] == sum(expected[group]["lines"].values())
        if only is None:
            in_document_currency(entry, expected["all_open_items_in_document_currency"])
            by_partner(entry, expected["by_partner_all_open_items"])
            assert entry["proof"]["checks"][0]["holds"]


def in_document_currency(entry: Any, expected: Any) -> None:
    ours = {code: one["buckets"] for code, one in entry["currencies"].items()}
    assert ours == {code: {name: str(amount(value)) for name, value in one.items()} for code, one in expected.items()}


def by_partner(entry: Any, expected: Any) -> None:
    """The truth adds partners of one name together."""
    if not expected:
        return
    ours: dict[str, dict[str, Decimal]] = {}
    for one in entry["partners"]:
        name = "(none)" if one["partner_id"] is None else one["partner"]
        known = ours.setdefault(name, dict.fromkeys(one["buckets"], Decimal(0)))
        for bucket, value in one["buckets"].items():
            known[bucket] += Decimal(value)
    assert ours == {name: {bucket: amount(value) for bucket, value in one.items()} for name, one in expected.items()}


def cash(finance: Finance, company: int, day: str, expected: Any) -> None:
    for month, figures in list(expected.items())[-6:]:
        year, number = map(int, month.split("-"))
        last = min(date(year, number, monthrange(year, number)[1]).isoformat(), day)
        flow = finance.get("cashflow", company=company, **{"from": f"{month}-01", "to": last})
        ours = {name: flow[name] for name in ("opening", "net", "closing")}
        assert ours == {name: str(amount(figures[name])) for name in ours}, (company, month)
        assert sum(Decimal(one) for one in flow["sections"].values()) == Decimal(flow["net"])
