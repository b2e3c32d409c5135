"""Applied migrations do not change: ``migrations/frozen.json`` holds the SHA-256 of every migration and SQL file of our apps."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from django.apps import apps

from ipai.lakehouse.sqlmigration import migrations_folder

ROOT = Path(__file__).resolve().parents[2]
FROZEN = Path(__file__).parent / "migrations" / "frozen.json"


@dataclass(slots=True)
class Freeze:
    """How the files compare with the list; paths are relative to the project."""

    changed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """One line for each thing that is wrong, saying what to do."""
        return [
            *(f"{path}: changed after it was frozen; put it back and write a new migration" for path in self.changed),
            *(f"{path}: frozen and now gone; put it back" for path in self.gone),
            *(f"{path}: not frozen; run manage.py migrationfreeze" for path in self.new),
        ]


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def migration_files(root: Path) -> dict[str, str]:
    """Path relative to ``root`` -> SHA-256 of every migration and SQL file of the apps that live under it."""
    found: dict[str, str] = {}
    for config in apps.get_app_configs():
        home = Path(config.path).resolve()
        if not home.is_relative_to(root) or "site-packages" in home.parts or not (home / "migrations").is_dir():
            continue
        for path in sorted(migrations_folder(config.label).iterdir()):
            if path.name != "__init__.py" and (path.suffix == ".py" or path.name.endswith((".up.sql", ".down.sql"))):
                found[path.relative_to(root).as_posix()] = digest(path)
    return found


def compare(frozen: Path = FROZEN, root: Path = ROOT) -> Freeze:
    """What changed, went or came since the list was written."""
    listed = _listed(frozen)
    present = migration_files(root)
    return Freeze(
        changed=sorted(path for path in listed.keys() & present.keys() if listed[path] != present[path]),
        gone=sorted(listed.keys() - present.keys()),
        new=sorted(present.keys() - listed.keys()),
    )


def freeze(frozen: Path = FROZEN, root: Path = ROOT, *, again: bool = False) -> Freeze:
    """Add the new files to the list; ``again`` takes changed and gone ones as they are now. Returns what it found before."""
    found = compare(frozen, root)
    present = migration_files(root)
    listed = present if again else _listed(frozen) | {path: present[path] for path in found.new}
    frozen.write_text(json.dumps(dict(sorted(listed.items())), indent=1) + "\n", encoding="utf-8")
    return found


def _listed(frozen: Path) -> dict[str, str]:
    if not frozen.exists():
        return {}
    listed: dict[str, str] = json.loads(frozen.read_text(encoding="utf-8"))
    return listed
