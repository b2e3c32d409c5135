"""Settings that can never work on this portal are refused when they are saved, each at its field."""

from __future__ import annotations

import os

import pytest

from connectors import services
from connectors.errors import ConfigInvalid
from ipai.access.services import create_tenant

pytestmark = pytest.mark.django_db


def refused(make, **config):
    with pytest.raises(ConfigInvalid) as caught:
        make(table="t", **config)
    return caught.value.fields


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/*.conf", "/", "relative.csv", "{files}/../secret.csv", "{files}-beside/a.csv"]
)
def test_a_path_outside_the_roots(make_connector, files, path):
    assert set(refused(make_connector, path=path.format(files=files))) == {"path"}


def test_a_link_out_of_the_roots(make_connector, files, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", files / "link")
    assert set(refused(make_connector, path=str(files / "link" / "a.csv"))) == {"path"}


PRIVATE = [
    "127.0.0.1",
    "10.0.0.7",
    "169.254.169.254",
    "[::1]",
    "[::ffff:10.0.0.1]",
    "localhost",
    "a.localhost",
    "127.1",
    "2130706433",
]


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_unless_it_is_allowed(make_connector, files, settings, host):
    assert set(refused(make_connector, url=f"https://{host}/a.csv")) == {"url"}
    assert set(refused(make_connector, bucket="b", endpoint=f"https://{host}:9000")) == {"endpoint"}
    settings.IPAI_ALLOW_PRIVATE_URLS = True
    assert make_connector(url=f"http://{host}/a.csv", table="t")


def test_http_unless_private_addresses_are_allowed(make_connector, files, settings):
    assert set(refused(make_connector, url="http://example.org/a.csv")) == {"url"}
    assert make_connector(url="https://example.org/a.csv", table="t")


@pytest.mark.parametrize("key", ["_tenant_id", ["id", "_ROW"], "id, id", ["id", "ID"]])
def test_a_key_that_no_table_can_have(make_connector, files, key):
    assert set(refused(make_connector, path=str(files), primary_key=key)) == {"primary_key"}


def test_the_rest_can_be_changed_when_the_roots_have_changed(make_connector, files, settings, actor):
    made = make_connector(path=str(files), table="t")
    settings.IPAI_FILES_ROOTS = ()
    changed = services.update_connector(actor, made, config=dict(made.config), schedule="0 6 * * *")
    assert changed.schedule == "0 6 * * *"
    with pytest.raises(ConfigInvalid, match="outside"):
        services.update_connector(actor, made, config=made.config | {"path": str(files / "a.csv")})


def test_a_root_with_a_tenant_in_it_is_read_by_that_tenant_alone(make_connector, files, settings, actor, run_now):
    other = create_tenant("beta", actor_name="tester")
    settings.IPAI_FILES_ROOTS = (files / "{tenant}",)
    for slug in ("default", "beta"):
        (files / slug).mkdir()
        (files / slug / "a.csv").write_text("id\n1\n")
    theirs = {"actor": actor, "tenant": other, "name": "theirs", "connector_type": "files"}
    for path in (
        files / "default" / "a.csv",
        files / "{tenant}" / "a.csv",
        files / "*" / "a.csv",
        files / "beta" / ".." / "default",
    ):
        with pytest.raises(ConfigInvalid, match="outside"):
            services.create_connector(**theirs, config={"path": str(path), "table": "t"})
    made = services.create_connector(**theirs, config={"path": str(files / "beta" / "*.csv"), "table": "t"})
    assert run_now(made).status == "success"
    assert all(check.ok for check in services.check_connector(made))
    made.config["path"] = str(files / "default" / "a.csv")
    made.save()
    assert run_now(made).status == "failed"
    assert not all(check.ok for check in services.check_connector(made))
    assert run_now(make_connector(path=str(files / "default" / "a.csv"), table="t")).status == "success"
