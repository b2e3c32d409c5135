"""The reusable workflow for other repositories: it is one, and its check is the command's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.devops.test_speckit import FILLER, GOOD, write

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    return yaml.safe_load((ROOT / "docs/ci/spec-kit.yml").read_text())


def test_others_can_call_it_and_it_may_only_read(workflow: dict[Any, Any]) -> None:
    call = workflow[True]["workflow_call"]  # YAML 1.1 reads the key "on" as true
    assert call["inputs"]["checker"]["required"] is True
    assert call["inputs"]["strict"] == {"description": "Warnings fail too", "type": "boolean", "default": False}
    assert workflow["permissions"] == {"contents": "read"}


def test_inputs_reach_the_shell_as_variables_only(workflow: dict[Any, Any]) -> None:
    (job,) = workflow["jobs"].values()
    assert not [step for step in job["steps"] if "${{" in step.get("run", "")]


@pytest.mark.parametrize(("strict", "code"), [("false", 0), ("true", 1)])
def test_the_check_passes_and_fails_as_the_command_does(workflow: dict[Any, Any], tmp_path: Path, strict: str, code: int) -> None:
    script = workflow["jobs"]["spec-kit"]["steps"][-1]["run"]
    write(tmp_path / "checkout/docs of it", GOOD | {"spec/portal/prd.md": FILLER + "TBD\n"})
    (tmp_path / "checker").symlink_to(ROOT)
    shell = shutil.which("bash")
    assert shell
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [shell, "-e", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"FOLDER": "docs of it", "STRICT": strict, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert "spec/portal/prd.md:13: still says TBD" in done.stdout
