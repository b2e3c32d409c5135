"""An Odoo connector by the form: what a person types, what is saved, what is said of mistakes."""

from __future__ import annotations

import re

import pytest
from django.core import signing
from django.urls import reverse

from connectors.admin.edit import SALT
from connectors.models import ConnectorConfig
from tests.support.odoo import SECRET

pytestmark = pytest.mark.django_db
ADD = "/admin/connectors/add/?type=odoo"
TYPED = {
    "type": "odoo",
    "name": "erp",
    "schedule_mode": "incremental",
    "freshness_target_minutes": "60",
    "config-url": "https://odoo.demo.invalid",
    "config-database": "demo",
    "config-user": "reader",
    "config-page_size": "2000",
    "secret-password": SECRET,
}


@pytest.fixture
def browser(as_role, odoo):
    return as_role("data_engineer")


def problem(page, name):
    """What the form says beside a field."""
    field = re.search(rf'<div class="c-field" data-field="{name}">(.*?)\n</div>', page.content.decode(), re.DOTALL)[1]
    found = re.search(r'<p class="c-error" role="alert">(.*?)</p>', field)
    return found[1] if found else ""


def test_further_models_are_pairs_and_models_are_ticked(browser):
    typed = {"config-extra_models": "hr.expense = expenses\n\nhr.lease=leases", "config-models": ["account.move", "res.partner"]}
    answer = browser.post(ADD, TYPED | typed)
    made = ConnectorConfig.objects.get(name="erp")
    assert answer.status_code == 302
    assert made.config == {
        "url": "https://odoo.demo.invalid",
        "database": "demo",
        "user": "reader",
        "models": ["account.move", "res.partner"],
        "extra_models": {"hr.expense": "expenses", "hr.lease": "leases"},
    }
    edit = reverse("admin:connector_edit", args=[made.pk])
    page = browser.get(edit).content.decode()
    assert "hr.expense = expenses\nhr.lease = leases</textarea>" in page
    assert page.count("checked") == 2
    settings = browser.get(f"/admin/connectors/{made.pk}/?tab=settings").content.decode()
    assert "hr.expense = expenses, hr.lease = leases" in settings
    typed = {**TYPED, "secret-password": "", "config-extra_models": "", "config-models": []}
    assert browser.post(edit, typed).status_code == 302
    made.refresh_from_db()
    assert made.config == {"url": "https://odoo.demo.invalid", "database": "demo", "user": "reader"}


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("config-url", "erp.example.com", "Give the server&#x27;s address like https://erp.example.com"),
        ("config-url", "https://erp.example.com/web/login", "without a path"),
        ("config-user", "", "This API needs the user&#x27;s login."),
        ("config-extra_models", "hr.expense", "Line 1, “hr.expense”: write it like hr.expense = expenses"),
        ("config-extra_models", "hr.expense = a\nhr.expense = b", "Line 2: hr.expense is there twice"),
        ("config-extra_models", "Expenses = expenses", "Expenses: write the model as Odoo names it, e.g. hr.expense"),
        ("config-extra_models", "hr.expense = My Table", "My Table: a table&#x27;s name has lower case letters"),
        ("config-extra_models", "hr.expense = invoices", "The table invoices is taken"),
        ("config-models", ["no.such"], "Select a valid choice"),
        ("secret-password", "", "Password or API key is needed"),
    ],
)
def test_a_mistake_is_said_beside_its_field(browser, name, typed, said):
    page = browser.post(ADD, TYPED | {name: typed})
    assert page.status_code == 200
    assert said in problem(page, name)
    assert not ConnectorConfig.objects.exists()


def test_the_form_asks_for_what_every_odoo_needs(browser):
    page = browser.get(ADD).content.decode()
    main, _, advanced = page.partition("<summary>More settings</summary>")
    for name in ("config-url", "config-database", "config-user", "config-api"):
        assert f'data-field="{name}"' in main
    assert 'data-field="config-page_size"' in advanced
    password = re.search(r'data-field="secret-password">(.*?)\n</div>', page, re.DOTALL)[1]
    assert "optional" not in password


def test_the_test_button_tells_of_a_wrong_password_and_of_an_empty_ledger(browser, portal_user):
    draft = re.search(r'name="draft" value="([^"]+)"', browser.get(ADD).content.decode())[1]
    assert signing.loads(draft, salt=SALT)
    check = reverse("admin:connector_check")
    wrong = browser.post(check, {**TYPED, "draft": draft, "secret-password": "not-the-one-7"}).content.decode()
    assert re.search(r"Login</span> Odoo at \S+ refused user reader: wrong password", wrong)
    assert "not-the-one-7" not in wrong
    seen = browser.post(check, {**TYPED, "draft": draft}).content.decode()
    assert seen.count("Look") == 4
    assert "sees no journal items" in seen
