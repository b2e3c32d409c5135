"""docs/benchmarks.md: what ``python -m bench`` writes, then a section for each other measurement."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs" / "benchmarks.md"
SECTION = re.compile(r"<!-- (\w+) -->\n.*?<!-- /\1 -->\n", re.DOTALL)


def write_main(text: str) -> None:
    """Replace everything but the sections."""
    kept = [found[0] for found in SECTION.finditer(_text())]
    REPORT.write_text("\n".join([text.rstrip() + "\n", *kept]), encoding="utf-8")


def write_section(name: str, text: str) -> None:
    """Put a section in place of its older self, or at the end."""
    made = f"<!-- {name} -->\n{text.strip()}\n<!-- /{name} -->\n"
    before = _text()
    old = next((found[0] for found in SECTION.finditer(before) if found[1] == name), None)
    REPORT.write_text(before.replace(old, made) if old else f"{before.rstrip()}\n\n{made}", encoding="utf-8")


def _text() -> str:
    return REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
