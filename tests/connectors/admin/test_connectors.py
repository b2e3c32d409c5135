"""Adding, changing, running and deleting a connector through its pages."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from connectors import uploads
from connectors.models import ConnectorConfig, ConnectorRun
from connectors.services.limits import uploads_dir
from ipai.observability.models import AuditLog
from ipai.vault.models import Secret

pytestmark = pytest.mark.django_db
ADD = "/admin/connectors/add/?type=files"


@pytest.fixture
def browser(as_role):
    return as_role("data_engineer")


def draft_of(page):
    return re.search(r'name="draft" value="([^"]+)"', page.content.decode()).group(1)


def filled(draft, **changes):
    common = {
        "draft": draft,
        "type": "files",
        "schedule_mode": "incremental",
        "freshness_target_minutes": "60",
        "alternative": "path",
    }
    return common | {"name": "orders", "config-table": "orders", "config-header": "on"} | changes


def test_a_connector_is_made_from_the_form(browser, files):
    (files / "orders.csv").write_text("id\n1\n")
    form = filled(
        draft_of(browser.get(ADD)),
        **{"config-path": str(files / "orders.csv"), "config-primary_key": "id\nline", "schedule": "0 6 * * *"},
    )
    response = browser.post(ADD, form)
    made = ConnectorConfig.objects.get(name="orders")
    assert response["Location"] == reverse("admin:connector", args=[made.pk])
    assert made.config == {"path": str(files / "orders.csv"), "table": "orders", "primary_key": ["id", "line"]}
    assert made.schedule == "0 6 * * *"
    assert AuditLog.objects.filter(entity_id=str(made.pk), action="created", actor="data_engineer").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config-table": "Not A Table"}, "Not A Table"),
        ({"name": "has spaces"}, "no spaces"),
        ({"schedule": "every day"}, "five fields"),
        ({"config-path": ""}, "exactly one of path"),
        ({"config-path": "/etc/passwd"}, "outside the folders"),
        ({"alternative": "url", "config-url": "http://127.0.0.1/a.csv"}, "https://"),
        ({"config-write_mode": "merge"}, "needs the primary key"),
        ({"config-primary_key": "_tenant_id"}, "a column of the portal"),
        ({"config-primary_key": "id\nid"}, "named twice"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(browser, files, changes, message):
    form = filled(draft_of(browser.get(ADD)), **({"config-path": str(files / "a.csv")} | changes))
    page = browser.post(ADD, form)
    assert page.status_code == 200
    errors = re.findall(r'class="c-error" role="alert">([^<]+)<', page.content.decode())
    assert any(message in error for error in errors), errors
    assert not ConnectorConfig.objects.exists()


def test_a_secret_is_written_and_never_shown(browser, files):
    form = filled(
        draft_of(browser.get(ADD)),
        alternative="bucket",
        **{"config-bucket": "b", "secret-access_key": "AK", "secret-secret_key": "hush-hush-value"},
    )
    assert browser.post(ADD, form).status_code == 302
    made = ConnectorConfig.objects.get()
    pages = [
        browser.get(reverse("admin:connector", args=[made.pk]), {"tab": "settings"}),
        browser.get(reverse("admin:connector_edit", args=[made.pk])),
    ]
    for page in pages:
        assert "hush-hush-value" not in page.content.decode()
        assert "by data_engineer" in page.content.decode()
    assert {secret.set_by.username for secret in Secret.objects.all()} == {"data_engineer"}
    assert browser.get(reverse("admin:secrets")).content.decode().count("by data_engineer") == 2
    key = reverse("admin:connector_edit", args=[made.pk])
    browser.post(key, filled(draft_of(pages[1]), alternative="bucket", **{"config-bucket": "c", "secret-secret_key": ""}))
    made.refresh_from_db()
    assert made.config["bucket"] == "c"
    assert len(made.vault_secret_refs) == 2


def test_a_wrong_form_does_not_send_the_secret_back(browser, files):
    form = filled(
        draft_of(browser.get(ADD)),
        name="bad name",
        alternative="bucket",
        **{"config-bucket": "b", "secret-secret_key": "hush-hush-value"},
    )
    assert "hush-hush-value" not in browser.post(ADD, form).content.decode()


def test_the_connection_is_tested_before_saving(browser, files):
    (files / "orders.csv").write_text("id\n1\n")
    draft = draft_of(browser.get(ADD))
    good = browser.post(
        reverse("admin:connector_check"), filled(draft, **{"config-path": str(files / "orders.csv")})
    ).content.decode()
    assert "Works" in good
    assert "Does not" not in good
    bad = browser.post(reverse("admin:connector_check"), filled(draft, **{"config-path": str(files / "none.csv")})).content.decode()
    assert "Does not" in bad
    assert not ConnectorConfig.objects.exists()


def test_an_uploaded_file_is_tested_saved_and_readable(browser, files, run_now):
    draft = draft_of(browser.get(ADD))
    upload = {"draft": draft, "file": SimpleUploadedFile("../my orders.csv", b"id,amount\n1,2.5\n2,3\n")}
    answer = browser.post(reverse("admin:connector_upload"), upload).json()
    form = filled(draft, **{"config-path": answer["path"]})
    assert "Does not" not in browser.post(reverse("admin:connector_check"), form).content.decode()
    browser.post(ADD, form)
    made = ConnectorConfig.objects.get()
    assert answer["path"] == str(uploads_dir(made.pk).resolve() / "my_orders.csv")
    assert run_now(made).rows_written == 2


def test_a_draft_of_somebody_else_is_refused(browser, as_role, files):
    draft = draft_of(as_role("platform_admin").get(ADD))
    upload = {"draft": draft, "file": SimpleUploadedFile("a.csv", b"id\n1\n")}
    assert browser.post(reverse("admin:connector_upload"), upload).status_code == 400
    assert browser.post(reverse("admin:connector_upload"), upload | {"draft": "made-up"}).status_code == 400


@pytest.mark.parametrize(
    ("name", "content", "status", "says"),
    [
        ("empty.csv", b"", 400, "empty"),
        ("..", b"id\n1\n", 400, "another name"),
        ("x" * 3000 + ".csv", b"id\n1\n", 400, "too long"),
        ("x" * 300 + ".csv", b"id\n1\n", 200, None),
        ("large.csv", b"id\n" + b"1\n" * 600_000, 413, "the limit is 1 MB"),
    ],
    ids=["empty", "dots", "endless name", "long name", "large"],
)
def test_an_upload_that_cannot_be_kept_says_why(browser, files, monkeypatch, name, content, status, says):
    monkeypatch.setattr(uploads, "LARGEST_UPLOAD", 2**20)
    parts = (
        f'--b\r\nContent-Disposition: form-data; name="draft"\r\n\r\n{draft_of(browser.get(ADD))}\r\n'
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    )
    body = parts.encode() + content + b"\r\n--b--\r\n"
    send = partial(browser.post, reverse("admin:connector_upload"), body, content_type="multipart/form-data; boundary=b")
    answer = send()
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    assert says is None or says in answer.json()["error"]
    assert "too old" not in answer.content.decode()
    as_page = send(headers={"accept": "text/html"})
    assert as_page.status_code == status


def test_a_request_that_cannot_be_read_is_a_problem_to_the_api_and_a_page_to_people(browser, files):
    body = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{"x" * 3000}"\r\n\r\n\r\n--b--\r\n'.encode()
    kind = "multipart/form-data; boundary=b"
    page = browser.post(reverse("admin:connector_upload"), body, content_type=kind, headers={"accept": "text/html,*/*;q=0.8"})
    assert "too long" in page.content.decode()
    assert "Back to the dashboard" in page.content.decode()


def test_a_schedule_is_said_in_words(browser):
    say = reverse("admin:connector_schedule")
    assert "06:00" in browser.get(say, {"schedule": "0 6 * * *"}).content.decode()
    assert "c-error" in browser.get(say, {"schedule": "0 6 * *"}).content.decode()


def test_run_now_queues_a_run_and_a_second_goes_to_the_first(browser, connector):
    address = reverse("admin:connector_run", args=[connector.pk])
    first = browser.post(address, {"mode": "full"})
    run = ConnectorRun.objects.get()
    assert (run.mode, run.requested_by) == ("full", "data_engineer")
    assert first["Location"] == reverse("admin:run", args=[run.pk])
    second = browser.post(address, follow=True)
    assert ConnectorRun.objects.count() == 1
    assert "already" in second.content.decode()


def test_pausing_enabling_and_deleting(browser, connector):
    switch = reverse("admin:connector_enabled", args=[connector.pk])
    browser.post(switch, {"on": "0"})
    connector.refresh_from_db()
    assert not connector.is_enabled
    browser.post(switch, {"on": "1"})
    page = browser.post(reverse("admin:connector_delete", args=[connector.pk]), follow=True)
    assert "rows it loaded stay" in page.content.decode()
    assert not ConnectorConfig.objects.exists()


def test_every_tab_shows_what_a_run_left(browser, connector, run_now):
    run_now(connector)
    address = reverse("admin:connector", args=[connector.pk])
    pages = {
        tab: browser.get(address, {"tab": tab}).content.decode() for tab in ("overview", "streams", "runs", "settings", "preview")
    }
    assert "Fresh" in pages["overview"]
    assert "ipai_bronze_core.orders" in pages["streams"]
    assert "Loaded in" in pages["runs"]
    assert "orders.csv" in pages["settings"]
    assert "3.75" in pages["preview"]
    assert browser.get(address, {"tab": "nonsense"}).status_code == 404


def test_the_preview_respects_the_layers_of_the_viewer(as_role, connector, run_now):
    run_now(connector)
    page = as_role("bi_developer").get(reverse("admin:connector", args=[connector.pk]), {"tab": "preview"}).content.decode()
    assert "You may not read this layer" in page
    assert "3.75" not in page


def test_the_list_filters_sorts_and_searches(browser, make_connector, make_run, files):
    bad, good = make_connector("bad-one", path=str(files), table="a"), make_connector("good-one", path=str(files), table="b")
    now = timezone.now()
    make_run(bad, "failed", ended_at=now, error_message="no")
    make_run(good, "success", ended_at=now - timedelta(minutes=1))
    names = re.compile(r'title="((?:bad|good)-one)"')
    listed = lambda **params: names.findall(browser.get(reverse("admin:connectors"), params).content.decode())  # noqa: E731
    assert listed(health="failed") == ["bad-one"]
    assert listed(q="good") == ["good-one"]
    assert listed(sort="-name") == ["good-one", "bad-one"]
    assert listed(sort="last") == ["good-one", "bad-one"]
    assert listed(sort="nonsense") == ["bad-one", "good-one"]


def test_the_dashboard_says_what_needs_a_person(browser, connector, make_run):
    assert "Nothing needs you" in browser.get(reverse("admin:index")).content.decode()
    run = make_run(connector, "failed", ended_at=timezone.now(), error_message="The file <orders.csv> is gone")
    page = browser.get(reverse("admin:index")).content.decode()
    assert "The file &lt;orders.csv&gt; is gone" in page
    assert reverse("admin:run_retry", args=[run.pk]) in page


def test_an_empty_portal_says_what_to_do(browser):
    page = browser.get(reverse("admin:index")).content.decode()
    assert "No connector yet" in page
    assert reverse("admin:connector_add") in page
