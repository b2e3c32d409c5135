"""The rows of the fake Odoo: one dictionary per record, stamped as Odoo stamps them.

Values as Odoo hands them over: a many2one is an id or False, x2many a list of ids, a date ``YYYY-MM-DD``, a datetime
``YYYY-MM-DD HH:MM:SS.ffffff`` in UTC (the API shows whole seconds), money a float, everything empty False.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from connectors.demo.odoo import fields
from connectors.demo.odoo.tables import MODELS

Row = dict[str, Any]
EMPTY: dict[str, Any] = {"integer": 0, "float": 0.0, "monetary": 0.0}
MANY = ("one2many", "many2many")


def utcnow() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def stamp_text(at: datetime) -> str:
    """A moment as the database holds it: UTC, microseconds."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


class Store:
    """Records by model and id; ``now`` is the clock that stamps them, ``lock`` guards a change against readers."""

    def __init__(self, models: Iterable[str] = tuple(MODELS), now: Callable[[], datetime] = utcnow) -> None:
        self.models = {name: fields.model(name) for name in models}
        self.rows: dict[str, dict[int, Row]] = {name: {} for name in self.models}
        self.now = now
        self.lock = threading.RLock()
        self._last: dict[str, int] = dict.fromkeys(self.models, 0)
        self.templates = {name: template(model) for name, model in self.models.items()}
        self._children: dict[tuple[str, str], dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        self._inverses = self._find_inverses()

    def _find_inverses(self) -> dict[str, list[str]]:
        """Per model the many2one fields that some one2many is the other side of."""
        found: dict[str, list[str]] = {name: [] for name in self.models}
        for model in self.models.values():
            for field in model.fields.values():
                if field["type"] == "one2many" and field["relation"] in found:
                    found[field["relation"]].append(field["relation_field"])
        return found

    def create(self, model: str, values: Row) -> int:
        """Add a record and return its id. Raises KeyError for an unknown model or field."""
        with self.lock:
            self._check(model, values)
            self._last[model] += 1
            key = self._last[model]
            stamp = stamp_text(self.now())
            row = self.templates[model] | {"create_date": stamp, "write_date": stamp} | values | {"id": key}
            self.rows[model][key] = row
            for name in self._inverses[model]:
                self._children[model, name][row[name]].add(key)
            return key

    def write(self, model: str, ids: int | Iterable[int], values: Row, stamp: datetime | None = None) -> None:
        """Change records and their ``write_date``; an empty ``values`` only touches them."""
        with self.lock:
            self._check(model, values)
            changed = {"write_date": stamp_text(stamp or self.now())} | values
            for key in [ids] if isinstance(ids, int) else ids:
                row = self.rows[model][key]
                for name in self._inverses[model]:
                    if name in values:
                        self._children[model, name][row[name]].discard(key)
                        self._children[model, name][values[name]].add(key)
                row.update(changed)

    def unlink(self, model: str, ids: int | Iterable[int]) -> None:
        """Delete records without a trace, as Odoo does."""
        with self.lock:
            for key in [ids] if isinstance(ids, int) else list(ids):
                row = self.rows[model].pop(key)
                for name in self._inverses[model]:
                    self._children[model, name][row[name]].discard(key)

    def _check(self, model: str, values: Row) -> None:
        unknown = values.keys() - self.models[model].fields.keys()
        if unknown:
            raise KeyError(f"{model} has no field {', '.join(sorted(unknown))}")

    def get(self, model: str, key: int) -> Row:
        """One record."""
        return self.rows[model][key]

    def all(self, model: str) -> Iterator[Row]:
        """The records of a model by id."""
        return iter(self.rows[model].values())

    def children(self, model: str, name: str, key: int) -> list[int]:
        """The ids in ``model`` whose many2one ``name`` points to ``key``."""
        return sorted(self._children[model, name].get(key, ()))

    def value(self, model: str, row: Row, name: str) -> Any:
        """A field of a record, computed where Odoo computes it."""
        field = self.models[model].fields[name]
        if name == "display_name":
            return self.label(model, row["id"])
        if field["type"] == "one2many":
            return self.children(field["relation"], field["relation_field"], row["id"])
        if "related" in field:
            return self.related(model, row, field["related"])
        return row[name]

    def related(self, model: str, row: Row, path: str) -> Any:
        """The value at the end of a dotted path over many2one fields, False where the path breaks."""
        name, _, rest = path.partition(".")
        value = self.value(model, row, name)
        if not rest:
            return value
        target = self.models[model].fields[name]["relation"]
        found = self.rows[target].get(value) if value else None
        return self.related(target, found, rest) if found else False

    def label(self, model: str, key: int) -> str:
        """The ``display_name`` of a record."""
        row = self.rows[model].get(key) if model in self.rows else None
        if row is None:
            return f"{model},{key}"
        if model == "account.account":
            return f"{row['code']} {row['name']}"
        if model == "account.move":
            return move_label(row)
        if model == "account.move.line":
            return " ".join(filter(None, (self.label("account.move", row["move_id"]), row["name"])))
        if model == "account.bank.statement.line":
            return self.label("account.move", row["move_id"])
        if model == "res.partner":
            return str(row["complete_name"] or row["name"])
        return str(row.get("name") or f"{model},{key}")


def template(model: fields.Model) -> Row:
    """A new record before its values: zero numbers, empty lists, False; active where the model can be archived."""
    row: Row = {}
    for name, field in model.fields.items():
        if field["type"] != "one2many" and "related" not in field and name != "display_name":
            row[name] = () if field["type"] == "many2many" else EMPTY.get(field["type"], False)
    if "active" in row:
        row["active"] = True
    return row


def move_label(row: Row) -> str:
    """``INV/2025/00001 (reference)``, or what a draft is called."""
    name = row["name"] or "Draft Entry"
    return f"{name} ({row['ref']})" if row["ref"] else str(name)
