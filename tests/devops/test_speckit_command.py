"""``manage.py speckit`` as a shell sees it: exit codes and output, with no service running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.devops.test_speckit import FILLER, GOOD, write

ROOT = Path(__file__).resolve().parents[2]


def speckit(*words: str) -> subprocess.CompletedProcess[str]:
    nowhere = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    return subprocess.run(
        [sys.executable, "manage.py", "speckit", *words],
        cwd=ROOT,
        env=os.environ | nowhere | {"SECRET_KEY": "x" * 50, "IPAI_VAULT_KEYS": "A" * 43 + "="},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_good_checkout_exits_0_and_prints_one_object(tmp_path: Path) -> None:
    done = speckit(str(write(tmp_path, dict(GOOD))), "--strict", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["ok"], report["strict"]) == (True, True)
    assert [(row["bundle"], row["compliant"], row["tasks"]) for row in report["bundles"]] == [
        ("spec/portal", True, {"done": 0, "total": 0})
    ]


def test_a_finding_exits_1_and_names_file_and_line(tmp_path: Path) -> None:
    checkout = write(tmp_path, GOOD | {"spec/portal/prd.md": FILLER + "TBD\n"})
    assert speckit(str(checkout)).returncode == 0
    done = speckit(str(checkout), "--strict")
    assert done.returncode == 1
    assert "spec/portal/prd.md:13: still says TBD" in done.stdout
    assert "0 of 1 bundles comply" in done.stdout


def test_a_checkout_without_bundles_says_so(tmp_path: Path) -> None:
    done = speckit(str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "")
    assert "No Spec Kit bundle found" in done.stdout


@pytest.mark.parametrize("words", [(), ("",), ("/nowhere/at/all",), (".", "--hard")])
def test_wrong_usage_exits_2_with_one_clear_line(words: tuple[str, ...]) -> None:
    done = speckit(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_this_project_complies() -> None:
    done = speckit(".", "--strict")
    assert done.returncode == 0, done.stdout


def test_names_of_folders_reach_no_terminal_raw(tmp_path: Path) -> None:
    (tmp_path / "spec" / "a\n0 of 0 bundles comply\x1b[2J\u202e").mkdir(parents=True)
    done = speckit(str(tmp_path))
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert r"FAIL spec/a\n0 of 0 bundles comply\x1b[2J\u202e" in done.stdout
