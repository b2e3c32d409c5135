"""Reading a source's JSON Schema as a person's form: which settings there are, and which belong together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

EMPTY = '""'
"""How a list's empty text is written in its field, where an empty line says nothing."""
Kind = Literal["text", "integer", "number", "boolean", "choice", "many", "list", "pairs", "json"]
"""``many``: any of some choices. ``pairs``: names and texts, one pair a line."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One property of the schema. ``branches``: alternatives that show it; empty means always."""

    name: str
    kind: Kind
    label: str
    help: str = ""
    placeholder: str = ""
    default: Any = None
    choices: tuple[Any, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    branches: tuple[str, ...] = ()
    advanced: bool = False
    required: bool = False
    one_or_many: bool = False
    """The schema takes a bare value or a list of them."""
    upload: bool = False
    """A path on this machine: the form offers to upload a file instead."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to say it, e.g. ``path``, ``url`` or ``bucket``: the key is its first required property."""

    key: str
    label: str
    names: frozenset[str]


def alternatives(schema: Mapping[str, Any]) -> list[Alternative]:
    """The choices of a schema, in its order; empty without any.

    ``x-alternatives`` (``[{"title", "names"}]``) says them for people; without it ``oneOf`` or ``anyOf`` at the top does.
    """
    named = schema.get("x-alternatives")
    if named:
        return [Alternative(option["names"][0], option["title"], frozenset(option["names"])) for option in named]
    properties = schema.get("properties", {})
    needs = schema.get("dependentRequired", {})
    found = []
    for option in schema.get("oneOf") or schema.get("anyOf") or ():
        required = option.get("required", [])
        if not required:
            continue
        names = {*required, *(name for name, rule in option.get("properties", {}).items() if rule is not False)}
        names |= {name for name, wanted in needs.items() if set(wanted) & set(required)}
        title = option.get("title") or " and ".join(_label(name, properties.get(name, {})) for name in required)
        found.append(Alternative(required[0], title, frozenset(names)))
    return found


def settings_of(schema: Mapping[str, Any]) -> list[Setting]:
    """Every property as a setting, in the schema's order."""
    choices = alternatives(schema)
    required = {*schema.get("required", ()), *(choice.key for choice in choices)}
    return [_setting(name, rule, choices, required) for name, rule in schema.get("properties", {}).items()]


def chosen_alternative(schema: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The alternative that a config has taken; the first one for a new config."""
    choices = alternatives(schema)
    taken = (choice.key for choice in choices if choice.key in config)
    return next(taken, choices[0].key if choices else "")


def shown_value(setting: Setting, config: Mapping[str, Any]) -> Any:
    """A setting's value as its form field shows it."""
    value = config.get(setting.name, setting.default if setting.kind != "choice" else None)
    if setting.kind == "list" and value is not None:
        return "\n".join(str(one) or EMPTY for one in (value if isinstance(value, list) else [value]))
    if setting.kind == "pairs" and isinstance(value, dict):
        return said_pairs(value, "\n")
    if setting.kind == "json" and value is None:
        return None
    return value


def said_pairs(pairs: Mapping[str, Any], between: str) -> str:
    """``hr.expense = expenses`` for each pair, by name."""
    return between.join(f"{name} = {value}" for name, value in sorted(pairs.items()))


@dataclass(frozen=True, slots=True)
class Said:
    """A setting as people read it. ``exact``: a text that is meant letter by letter, like a path."""

    label: str
    text: str
    exact: bool
    default: bool


def said_settings(schema: Mapping[str, Any], config: Mapping[str, Any]) -> list[Said]:
    """What a config sets, in the schema's order and with its titles; last what the schema does not know."""
    known = [setting for setting in settings_of(schema) if setting.name in config]
    found = [_said(setting.label, config[setting.name], setting.default) for setting in known]
    unknown = sorted(set(config) - {setting.name for setting in known})
    return found + [_said(_label(name, {}), config[name], None) for name in unknown]


def _said(label: str, value: Any, default: Any) -> Said:
    is_default = default is not None and value == default
    if isinstance(value, bool):
        return Said(label, "yes" if value else "no", False, is_default)
    if isinstance(value, int | float):
        return Said(label, f"{value:,}", False, is_default)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return Said(label, ", ".join(one or EMPTY for one in value) or "none", True, is_default)
    if isinstance(value, dict) and value and all(isinstance(one, str) for one in value.values()):
        return Said(label, said_pairs(value, ", "), True, is_default)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Said(label, text or EMPTY, True, is_default)


def config_from(
    settings: Sequence[Setting], values: Mapping[str, Any], alternative: str, kept: Mapping[str, Any]
) -> dict[str, Any]:
    """A config of the values that were given. ``kept``: properties that the form does not know stay as they were."""
    known = {setting.name for setting in settings}
    config = {name: value for name, value in kept.items() if name not in known}
    for setting in settings:
        if setting.branches and alternative not in setting.branches:
            continue
        value = _given(setting, values.get(setting.name))
        if value is not None:
            config[setting.name] = value
    return config


def _given(setting: Setting, value: Any) -> Any:
    """The value for the config; None when the setting was left alone."""
    if setting.kind == "list":
        lines = ["" if line.strip() == EMPTY else line.strip() for line in str(value or "").splitlines() if line.strip()]
        if not lines or lines == setting.default:
            return None
        return lines[0] if setting.one_or_many and len(lines) == 1 else lines
    if setting.kind == "boolean":
        return None if value is None or bool(value) == bool(setting.default) else bool(value)
    if value in (None, "") or (setting.kind in ("json", "many", "pairs") and value in ({}, [])):
        return None
    if setting.kind != "choice" and value == setting.default:
        return None
    if setting.kind == "choice":
        return next((one for one in setting.choices if str(one) == value), value)
    return value


def _setting(name: str, rule: Mapping[str, Any], choices: Sequence[Alternative], required: set[str]) -> Setting:
    branches = tuple(choice.key for choice in choices if name in choice.names)
    kind, one_or_many = _kind(rule)
    first = (rule.get("examples") or [""])[0]
    example = said_pairs(first, "\n") if isinstance(first, dict) else str(first)
    return Setting(
        name=name,
        kind=kind,
        label=_label(name, rule),
        help=rule.get("description", ""),
        placeholder=example if kind in ("text", "integer", "number", "list", "pairs") else "",
        default=rule.get("default"),
        choices=tuple(one for one in (rule["items"] if kind == "many" else rule).get("enum", ()) if one is not None),
        minimum=rule.get("minimum"),
        maximum=rule.get("maximum"),
        branches=() if len(branches) == len(choices) else branches,
        required=name in required,
        advanced=name not in required and not branches and not rule.get("x-main", False),
        one_or_many=one_or_many,
        upload=bool(rule.get("x-upload", False)),
    )


def _kind(rule: Mapping[str, Any]) -> tuple[Kind, bool]:
    """The kind of field, and whether a bare value does for a list."""
    if "enum" in rule:
        return "choice", False
    options = rule.get("oneOf") or rule.get("anyOf")
    if options:
        kinds = [_kind(option)[0] for option in options if option.get("type") != "null"]
        if "list" in kinds:
            return "list", "text" in kinds
        return kinds[0] if kinds else "text", False
    types = rule.get("type", "string")
    listed = [types] if isinstance(types, str) else [one for one in types if one != "null"]
    if "array" in listed and "enum" in rule.get("items", {}):
        return "many", False
    if "array" in listed:
        plain = rule.get("items", {}).get("type", "string") == "string"
        return ("list", "string" in listed) if plain else ("json", False)
    if "string" in listed:
        return "text", False
    values = rule.get("additionalProperties")
    if listed == ["object"] and isinstance(values, dict) and values.get("type") == "string" and "properties" not in rule:
        return "pairs", False
    known: dict[str, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean"}
    return known.get(listed[0] if listed else "", "json"), False


def _label(name: str, rule: Mapping[str, Any]) -> str:
    return str(rule.get("title") or name.replace("_", " ").capitalize())
