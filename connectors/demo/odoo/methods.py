"""The methods of models that the fake Odoo answers, with the arguments that Odoo gives them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from connectors.demo.odoo import groups
from connectors.demo.odoo.domain import matching
from connectors.demo.odoo.errors import AccessError, InvalidArguments, InvalidValue, UnknownMethod, UnknownModel
from connectors.demo.odoo.store import MANY, Row, Store

WRITING = frozenset({"create", "write", "unlink", "copy", "action_post", "button_draft", "button_cancel", "reconcile"})


class Records:
    """One model as one user sees it in one call. ``context`` is Odoo's: ``active_test`` and ``bin_size`` count here."""

    def __init__(self, store: Store, model: str, uid: int, denied_fields: set[str], version: int) -> None:
        if model not in store.models:
            raise UnknownModel(model)
        self.store, self.model, self.uid = store, model, uid
        self.version = version
        self.denied = denied_fields
        self.fields = store.models[model].fields

    def call(self, method: str, args: Sequence[Any], kwargs: dict[str, Any], *, allowed: bool) -> Any:
        """Answer a method by name, arguments by position or by name. Raises OdooError."""
        if method.startswith("_"):
            raise AccessError(f"Private methods (such as '{self.model}.{method}') cannot be called remotely.")
        found = METHODS.get(method)
        if (found is None and method not in WRITING) or (method == "formatted_read_group" and self.version < 19):
            raise UnknownMethod(f"The method '{self.model}.{method}' does not exist")
        if method not in ("fields_get", "context_get") and (not allowed or method in WRITING):
            label = self.store.models[self.model].label
            verb = "access" if method not in WRITING else "modify"
            raise AccessError(
                f"You are not allowed to {verb} '{label}' ({self.model}) records.\n\nNo group currently allows this operation.\n\n"
                "Contact your administrator to request access if necessary."
            )
        assert found is not None
        values = dict(kwargs)
        self.context = values.pop("context", None) or {}
        try:
            return found(self, *args, **values)
        except TypeError as error:
            raise InvalidArguments(str(error)) from error

    def fields_get(self, allfields: Sequence[str] | None = None, attributes: Sequence[str] | None = None) -> dict[str, Row]:
        """Fields and what they are; those that the user may not see are left out."""
        shown = [name for name in self.fields if name not in self.denied and (not allfields or name in allfields)]
        return {
            name: {key: value for key, value in self.fields[name].items() if not attributes or key in attributes} for name in shown
        }

    def search(self, domain: Sequence[Any], offset: int = 0, limit: int | None = None, order: str | None = None) -> list[int]:
        return [row["id"] for row in self.found(domain, offset, limit, order)]

    def search_count(self, domain: Sequence[Any], limit: int | None = None) -> int:
        return len(self.found(domain, 0, limit, "id"))

    def search_read(
        self,
        domain: Sequence[Any] | None = None,
        fields: Sequence[str] | None = None,
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
        load: str | None = "_classic_read",
    ) -> list[Row]:
        return self.shown(self.found(domain or [], offset, limit, order), fields, load)

    def read(self, ids: int | Sequence[int], fields: Sequence[str] | None = None, load: str | None = "_classic_read") -> list[Row]:
        """Records by id; one that was deleted is left out."""
        rows = self.store.rows[self.model]
        keys = [ids] if isinstance(ids, int) else ids
        return self.shown([rows[key] for key in keys if key in rows], fields, load)

    def read_group(
        self,
        domain: Sequence[Any],
        fields: Sequence[str],
        groupby: str | Sequence[str],
        offset: int = 0,
        limit: int | None = None,
        orderby: str | None = None,
        lazy: bool = True,
    ) -> list[Row]:
        """Sums over groups; lazy means by the first field only."""
        specs = [groupby] if isinstance(groupby, str) else list(groupby)
        grouping = groups.Grouping(self.store, self.model, self.found(domain, 0, None, "id"), specs[:1] if lazy else specs)
        self.check_fields([spec.partition(":")[0] for spec in specs])
        return cut(groups.read_group(grouping, domain, fields, lazy=lazy), offset, limit)

    def formatted_read_group(
        self,
        domain: Sequence[Any],
        groupby: Sequence[str] = (),
        aggregates: Sequence[str] = (),
        having: Sequence[Any] = (),
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
    ) -> list[Row]:
        self.check_fields([spec.partition(":")[0] for spec in groupby])
        grouping = groups.Grouping(self.store, self.model, self.found(domain, 0, None, "id"), groupby)
        return cut(groups.formatted_read_group(grouping, aggregates), offset, limit)

    def remove_move_reconcile(self, ids: Sequence[int] = ()) -> None:
        """Odoo's example of a method that returns None; here it is never asked to change anything."""
        if ids:
            raise AccessError("You are not allowed to modify 'Journal Item' (account.move.line) records.")

    def context_get(self) -> Row:
        return {"lang": "en_US", "tz": "Europe/Brussels", "uid": self.uid}

    def found(self, domain: Sequence[Any], offset: int, limit: int | None, order: str | None) -> list[Row]:
        """The rows of a domain, sorted and cut; archived ones only when asked for."""
        test = matching(self.store, self.model, domain)
        rows = [row for row in self.store.all(self.model) if test(row)]
        named = any(isinstance(item, list | tuple) and item[0] == "active" for item in domain)
        if "active" in self.fields and self.context.get("active_test", True) and not named:
            rows = [row for row in rows if row["active"]]
        return cut(self.sorted(rows, order or self.store.models[self.model].order), offset, limit)

    def sorted(self, rows: list[Row], order: str) -> list[Row]:
        """Rows by ``field [asc|desc], ...``; empty values last, first when descending, as PostgreSQL does."""
        for part in reversed(order.split(",")):
            name, *direction = part.split()
            field = self.fields.get(name)
            if field is None or not field["sortable"]:
                raise InvalidValue(self.invalid(name))
            rows.sort(key=partial(self.sort_value, field), reverse=[word.lower() for word in direction] == ["desc"])
        return rows

    def sort_value(self, field: Row, row: Row) -> tuple[bool, Any]:
        value = self.store.value(self.model, row, field["name"])
        if value is False and field["type"] != "boolean":
            return True, 0 if field["type"] == "json" else ""
        return False, self.store.label(field["relation"], value) if "relation" in field else value

    def invalid(self, name: str) -> str:
        return f"Invalid field {name!r} on {'model ' if self.version < 19 else ''}{self.model!r}"

    def check_fields(self, names: Iterable[str]) -> None:
        """Every field known and allowed, or the whole call fails, as in Odoo."""
        names = list(names)
        for name in names:
            if name not in self.fields:
                raise InvalidValue(self.invalid(name))
        denied = [name for name in names if name in self.denied]
        if denied:
            quoted, model = ",".join(denied), f"{self.store.models[self.model].label} ({self.model})"
            raise AccessError(
                f'You do not have enough rights to access the fields "{quoted}" on {model}. '
                f"Please contact your system administrator.\n\nOperation: read\nUser: {self.uid}\nFields:\n"
                + "\n".join(f"- {name} (always forbidden)" for name in denied)
            )

    def shown(self, rows: list[Row], fields: Sequence[str] | None, load: str | None) -> list[Row]:
        """Rows as the API gives them: chosen fields, labels over many2one unless ``load`` is empty, whole seconds."""
        self.check_fields(fields or [])
        names = list(fields) if fields else [name for name in self.fields if name not in self.denied]
        return [{"id": row["id"]} | {name: self.shown_value(row, name, bool(load)) for name in names} for row in rows]

    def shown_value(self, row: Row, name: str, labels: bool) -> Any:
        field = self.fields[name]
        value = self.store.value(self.model, row, name)
        kind = field["type"]
        if kind in MANY:
            return list(value)
        if kind == "many2one" and value and labels:
            return [value, self.store.label(field["relation"], value)]
        if kind == "datetime" and value:
            return value[:19]
        if kind == "binary" and value and self.context.get("bin_size"):
            return f"{len(base64.b64decode(value)) / 1024:.2f} Kb"
        return value


def cut(rows: list[Row], offset: int, limit: int | None) -> list[Row]:
    """``limit`` rows from ``offset``; None and 0 mean no limit."""
    return rows[offset : offset + limit] if limit else rows[offset:]


METHODS = {
    method.__name__: method
    for method in (
        Records.fields_get,
        Records.search,
        Records.search_count,
        Records.search_read,
        Records.read,
        Records.read_group,
        Records.formatted_read_group,
        Records.remove_move_reconcile,
        Records.context_get,
    )
}
