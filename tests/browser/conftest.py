"""A real browser (the distribution's chromium) on a real server of the test database."""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from ipai.access.services import create_person

# Playwright's synchronous API keeps an event loop in this thread, which Django would take for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
PASSWORD = "a-long-enough-1"


@pytest.fixture(scope="session")
def chromium():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def portal(live_server, settings, tmp_path):
    """The address of a running portal."""
    settings.STATIC_ROOT = tmp_path
    expect.set_options(timeout=15_000)
    return live_server.url


@pytest.fixture
def visit(chromium, portal, transactional_db):
    """A page of somebody who has logged in through the form: ``visit("operator")``, ``visit("auditor", width=390)``."""
    contexts = []

    def login(*roles, width=1440, scheme="light", superuser=False):
        name = "-".join(roles)
        create_person(name, actor_name="test", roles=roles, password=PASSWORD, is_superuser=superuser)
        return again(name, width=width, scheme=scheme)

    def again(name, *, width=1440, scheme="light"):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, base_url=portal)
        contexts.append(context)
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto("/admin/")
        page.get_by_label("Username").fill(name)
        page.locator("#id_password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(".c-bar [aria-current]")).to_have_text("Dashboard")
        return page

    login.again = again
    yield login
    for context in contexts:
        context.close()
