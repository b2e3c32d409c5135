"""Applied migrations stay as they are, and every one is on the list."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.core.management import call_command

from ipai.lakehouse import freeze as module
from ipai.lakehouse.freeze import compare, freeze


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    path = tmp_path / "frozen.json"
    freeze(path)
    return path


def test_the_first_freeze_lists_every_file_of_our_apps(frozen: Path) -> None:
    text = frozen.read_text()
    for path in (
        "ipai/lakehouse/migrations/0002_roles.py",
        "ipai/lakehouse/migrations/0002_roles.up.sql",
        "ipai/lakehouse/migrations/0002_roles.down.sql",
        "connectors/migrations/0001_initial.py",
    ):
        assert f'"{path}"' in text
    assert "django_celery_beat" not in text
    assert compare(frozen).problems() == []


def test_a_changed_a_lost_and_a_new_file_are_told_apart(frozen: Path) -> None:
    text = frozen.read_text()
    digest = text.split('0002_roles.up.sql": "')[1][:64]
    text = text.replace(digest, "0" * 64).replace("0001_schemas.py", "0001_lost.py")
    frozen.write_text(text)
    assert compare(frozen).problems() == [
        "ipai/lakehouse/migrations/0002_roles.up.sql: changed after it was frozen; put it back and write a new migration",
        "ipai/lakehouse/migrations/0001_lost.py: frozen and now gone; put it back",
        "ipai/lakehouse/migrations/0001_schemas.py: not frozen; run manage.py migrationfreeze",
    ]


def test_freezing_adds_new_files_and_never_accepts_changed_ones_unasked(frozen: Path) -> None:
    before = frozen.read_text()
    changed = before.split('0002_roles.up.sql": "')[1][:64]
    frozen.write_text(before.replace("0001_schemas.py", "0001_lost.py").replace(changed, "0" * 64))
    freeze(frozen)
    left = compare(frozen)
    assert left.new == []
    assert left.changed == ["ipai/lakehouse/migrations/0002_roles.up.sql"]
    assert left.gone == ["ipai/lakehouse/migrations/0001_lost.py"]
    freeze(frozen, again=True)
    assert compare(frozen).problems() == []
    assert frozen.read_text() == before


def test_one_changed_byte_is_seen(frozen: Path, tmp_path: Path) -> None:
    folder = Path(module.__file__).parent / "migrations"
    copy = tmp_path / "copy.sql"
    shutil.copy(folder / "0002_roles.up.sql", copy)
    assert module.digest(copy) == module.digest(folder / "0002_roles.up.sql")
    copy.write_bytes(copy.read_bytes() + b" ")
    assert module.digest(copy) != module.digest(folder / "0002_roles.up.sql")


def test_the_projects_own_list_holds(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("migrationfreeze", "--check")
    assert "unchanged" in capsys.readouterr().out
