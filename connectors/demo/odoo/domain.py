"""Odoo's search domains over the store: a list in Polish notation becomes a test of one record."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from connectors.demo.odoo.errors import InvalidTimestamp, InvalidValue
from connectors.demo.odoo.store import MANY, Row, Store

Test = Callable[[Row], bool]
NUMBERS = ("integer", "float", "monetary")
ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
}
LIKES = ("like", "ilike", "=like", "=ilike", "not like", "not ilike")
OPERATORS = {"=", "!=", "in", "not in", *ORDERED, *LIKES}


def matching(store: Store, model: str, domain: Sequence[Any]) -> Test:
    """The test that a domain means; leaves side by side are joined by AND. Raises InvalidValue."""
    stack: list[Test] = []
    for item in reversed(list(domain)):
        if item in ("&", "|", "!"):
            combine(stack, item, domain)
        else:
            stack.append(leaf(store, model, item))
    if len(stack) == 1:
        return stack[0]
    tests = stack[::-1]
    return lambda row: all(test(row) for test in tests)


def combine(stack: list[Test], operator: str, domain: Sequence[Any]) -> None:
    """Replace the operands on the stack by what the operator makes of them."""
    if len(stack) < (1 if operator == "!" else 2):
        raise InvalidValue(f"Domain {list(domain)!r} is syntactically not correct.")
    first = stack.pop()
    if operator == "!":
        stack.append(lambda row: not first(row))
        return
    second = stack.pop()
    stack.append((lambda row: first(row) and second(row)) if operator == "&" else (lambda row: first(row) or second(row)))


def leaf(store: Store, model: str, item: Any) -> Test:
    """One ``[path, operator, value]``."""
    if not isinstance(item, list | tuple) or len(item) != 3:
        raise InvalidValue(f"Invalid leaf {item}")
    path, operator, value = item
    if (path, operator) in ((1, "="), (0, "=")):
        return lambda row: bool(path == value)
    if operator not in OPERATORS or not isinstance(path, str):
        raise InvalidValue(f"Invalid leaf {tuple(item)}")
    return along(store, model, path.split("."), operator, value, tuple(item))


def along(store: Store, model: str, path: list[str], operator: str, value: Any, item: tuple[Any, ...]) -> Test:
    """The test at the end of a dotted path; every step but the last is a relation."""
    name, *rest = path
    field = store.models[model].fields.get(name)
    if field is None or (rest and "relation" not in field):
        raise InvalidValue(f"Invalid field {model}.{name} in leaf {item}")
    if not rest:
        return compare(store, model, field, operator, value)
    target = field["relation"]
    inner = along(store, target, rest, operator, value, item)

    def test(row: Row) -> bool:
        found = store.value(model, row, name)
        keys = found if field["type"] in MANY else [found] if found else []
        return any(inner(store.rows[target][key]) for key in keys if key in store.rows[target])

    return test


def compare(store: Store, model: str, field: dict[str, Any], operator: str, value: Any) -> Test:
    """The comparison of one field with a value, False counting as SQL's NULL."""
    name, kind = field["name"], field["type"]
    direct = name in store.templates[model]
    get: Callable[[Row], Any] = (lambda row: row[name]) if direct else (lambda row: store.value(model, row, name))
    if operator in LIKES:
        return like(store, field, get, operator, value)
    if kind in ("date", "datetime"):
        value = [moment(kind, operator, one) for one in value] if isinstance(value, list | tuple) else moment(kind, operator, value)
    if operator in ORDERED:
        ordered = ORDERED[operator]
        nullable = kind not in NUMBERS
        return lambda row: not (nullable and get(row) is False) and ordered(get(row), value)
    wanted = {False if one is None else one for one in (value if isinstance(value, list | tuple) else [value])}
    if isinstance(value, str) and "relation" in field:
        return like(store, field, get, operator, value)
    test = among(kind, get, wanted)
    return test if operator in ("=", "in") else lambda row: not test(row)


def among(kind: str, get: Callable[[Row], Any], wanted: Collection[Any]) -> Test:
    """Whether a value is one of the wanted, or a list has one of them."""
    if kind in MANY:
        return lambda row: bool(wanted & set(get(row))) if any(wanted) else not get(row)  # type: ignore[operator]
    return lambda row: get(row) in wanted


def moment(kind: str, operator: str, value: Any) -> Any:
    """A date or datetime as the database would compare it. Raises InvalidTimestamp."""
    if not isinstance(value, str):
        return value
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidTimestamp(f'invalid input syntax for type timestamp: "{value}"\n') from None
    if kind == "date":
        return f"{at:%Y-%m-%d}"
    if len(value) == 10 and operator in (">", "<="):
        at = at.replace(hour=23, minute=59, second=59)
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"


def like(store: Store, field: dict[str, Any], get: Callable[[Row], Any], operator: str, value: Any) -> Test:
    """SQL's LIKE; over a relation it looks at labels."""
    positive = not operator.startswith(("not ", "!"))
    kind = operator.removeprefix("not ")
    text = re.escape(str(value or "")).replace("%", ".*").replace("_", ".")
    whole = text if kind in ("=like", "=ilike", "=", "!=") else f".*{text}.*"
    pattern = re.compile(whole, re.DOTALL | (0 if kind in ("like", "=like") else re.IGNORECASE))

    def test(row: Row) -> bool:
        found = get(row)
        if "relation" in field:
            keys = found if field["type"] in MANY else [found] if found else []
            return any(pattern.fullmatch(store.label(field["relation"], key)) for key in keys) is positive
        return bool(found is not False and pattern.fullmatch(str(found))) is positive

    return test
