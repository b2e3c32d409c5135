"""What two testers who had not written the code got wrong values or other people's data out of."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors import services
from connectors.errors import ConfigInvalid
from connectors.models import Status
from connectors.services.limits import uploads_dir
from ipai.access.services import create_tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other(actor):
    """Another tenant."""
    return create_tenant("beta", actor_name="tester")


def test_no_connector_reads_the_uploads_of_another(make_connector, run_now, files, actor, other, rows):
    mine = make_connector("mine", path=str(files / "a.csv"), table="mine")
    folder = uploads_dir(mine.pk).resolve()
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("id\n1\n")
    services.update_connector(actor, mine, config={"path": str(folder / "a.csv"), "table": "mine"})
    mine.refresh_from_db()
    assert run_now(mine).status == Status.SUCCESS
    for path in (folder / "a.csv", folder.parent / "*" / "a.csv", folder.parent / "**" / "*.csv"):
        made = {"actor": actor, "tenant": other, "name": f"spy{len(str(path))}", "connector_type": "files"}
        with pytest.raises(ConfigInvalid, match="outside the folders"):
            services.create_connector(**made, config={"path": str(path), "table": "spied"})
        spy = services.create_connector(**made, config={"path": str(files), "table": "spied"})
        spy.config["path"] = str(path)
        spy.save()  # past the check that saving makes: the run has its own
        checks = services.check_connector(spy)
        assert not all(check.ok for check in checks)
        assert run_now(spy).status == Status.FAILED
    assert rows("SELECT to_regclass('ipai_bronze_core.spied')") == [(None,)]


def test_a_tenant_cannot_change_the_columns_of_another(make_connector, run_now, files, actor, other, rows):
    (files / "a.csv").write_text("id,price\n1,1.50\n")
    (files / "b.csv").write_text("id,price,evil\nabc,abc,x\n")
    assert run_now(make_connector("mine", path=str(files / "a.csv"), table="prices")).status == Status.SUCCESS
    config = {"path": str(files / "b.csv"), "table": "prices"}
    theirs = services.create_connector(actor=actor, tenant=other, name="theirs", connector_type="files", config=config)
    run = run_now(theirs)
    assert run.status == Status.FAILED
    assert "another table name" in run.error_message
    columns = dict(rows("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'prices'"))
    assert (columns["id"], columns["price"], "evil" in columns) == ("bigint", "numeric", False)


def test_a_password_in_the_address_is_refused_when_saved(make_connector):
    with pytest.raises(ConfigInvalid) as refused:
        make_connector(url="https://user:hunter2@files.example/a.csv", table="a")
    assert list(refused.value.fields) == ["url"]
    assert "hunter2" not in refused.value.message


def test_a_name_cannot_stand_for_another_connectors_id(make_connector, files):
    mine = make_connector(path=str(files), table="a")
    with pytest.raises(ConfigInvalid, match="looks like an id"):
        make_connector(str(mine.pk), path=str(files), table="b")


def test_a_setting_with_nul_is_refused(make_connector):
    with pytest.raises(ConfigInvalid, match="NUL"):
        make_connector(path="/nowhere/\x00a.csv", table="a")


def test_a_string_is_stored_one_way_however_late_an_object_comes(make_connector, run_now, files, rows):
    lines = [json.dumps({"id": number, "a": "s"}) for number in range(60_000)] + [
        '{"id": -1, "a": {"z":1}}',
        '{"id": -2, "a": "s"}',
    ]
    (files / "a.jsonl").write_text("\n".join(lines) + "\n")
    assert run_now(make_connector(path=str(files / "a.jsonl"), table="mixed")).status == Status.SUCCESS
    assert rows("SELECT a, count(*) FROM ipai_bronze_core.mixed GROUP BY a ORDER BY 2") == [('{"z":1}', 1), ("s", 60_001)]


@pytest.mark.parametrize("value", ["0.1234567890123456789", "9007199254740993", "12345678901234567890.123456789"])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_number_that_a_double_would_round_widens_the_column(make_connector, run_now, files, rows, value, ending):
    pq.write_table(pa.table({"a": pa.array([0.5], pa.float64())}), files / "1.parquet")
    connector = make_connector(path=str(files / "*"), table="doubles")
    assert run_now(connector).status == Status.SUCCESS
    (files / f"2.{ending}").write_text(f"a\n{value}\n" if ending == "csv" else f'{{"a": {value}}}\n')
    assert run_now(connector).status == Status.SUCCESS
    assert sorted(rows("SELECT a::text FROM ipai_bronze_core.doubles")) == sorted([("0.5",), (value,)])


def test_a_key_that_no_file_has_fails_and_the_file_is_read_once_it_is_right(make_connector, run_now, files, actor, rows):
    (files / "a.csv").write_text("ident,a\n1,x\n")
    config = {"path": str(files / "a.csv"), "table": "keyed", "primary_key": ["id"]}
    connector = make_connector(**config)
    run = run_now(connector)
    assert run.status == Status.FAILED
    assert "There is no column id" in run.error_message
    services.update_connector(actor, connector, config=config | {"primary_key": ["ident"]})
    connector.refresh_from_db()
    assert run_now(connector).streams.get().rows_written == 1
    assert rows("SELECT ident, a FROM ipai_bronze_core.keyed") == [(1, "x")]


@pytest.mark.parametrize(("before", "after"), [("1.5", "1.50"), ('"{""x"":1.0}"', '"{""x"":1.000}"')])
def test_a_change_of_scale_is_a_change(make_connector, run_now, files, rows, before, after):
    connector = make_connector(path=str(files / "a.csv"), table="scales", primary_key=["id"])
    (files / "a.csv").write_text(f"id,a\n1,{before}\n")
    assert run_now(connector).status == Status.SUCCESS
    (files / "a.csv").write_text(f"id,a\n1,{after}\n")
    assert run_now(connector).streams.get().rows_updated == 1
    assert run_now(connector, mode="full").streams.get().rows_unchanged == 1


@pytest.mark.parametrize("value", ["-0", "-0.0"])
def test_json_keeps_the_sign_of_zero(make_connector, run_now, files, rows, value):
    (files / "a.jsonl").write_text(f'{{"a": {value}}}\n')
    assert run_now(make_connector(path=str(files / "a.jsonl"), table="zeros")).status == Status.SUCCESS
    assert rows("SELECT a::text FROM ipai_bronze_core.zeros") == [(value,)]


def test_a_bad_key_under_discard_value_rejects_its_record_alone(make_connector, run_now, files, rows):
    (files / "1.csv").write_text("id,a\n1,2\n")
    connector = make_connector(path=str(files / "*.csv"), table="keyed", primary_key=["id"], schema_policy="discard_value")
    assert run_now(connector).status == Status.SUCCESS
    (files / "2.csv").write_text("id,a\nx,8\n7,1\n")
    run = run_now(connector)
    assert run.status == Status.SUCCESS, run.error_message
    assert [(one.place, "id" in one.reason) for one in run.rejected.all()] == [("2.csv:2", True)]
    assert rows("SELECT id, a FROM ipai_bronze_core.keyed ORDER BY id") == [(1, 2), (7, 1)]


def test_the_console_shows_the_log_that_runs_write(make_connector, run_now, files, admin_client):
    run = run_now(make_connector(path=str(files / "none.csv"), table="a"))
    page = admin_client.get(f"/admin/runs/{run.pk}/", {"level": "error"}).content.decode()
    assert "No line at this level" not in page
    assert 'class="c-lvl-error"' in page


@pytest.mark.parametrize("address", ["catalog/?q=%00", "audit/?entity=%00", "catalog/ipai_bronze_core/%00/"])
def test_nul_in_an_address_is_not_an_error_of_ours(admin_client, address):
    assert admin_client.get(f"/admin/{address}").status_code == 404


def test_nul_in_the_search_is_passed_over(admin_client):
    assert admin_client.get("/admin/find/?q=%00").status_code == 200
