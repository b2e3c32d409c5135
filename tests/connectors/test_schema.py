"""A source's JSON Schema becomes a form, and the form a config that fits the schema again."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from connectors import contract
from connectors.schema import alternatives, config_from, said_settings, settings_of, shown_value

SCHEMA = {
    "type": "object",
    "required": ["table"],
    "oneOf": [{"required": ["path"]}, {"required": ["url"], "title": "A web address"}, {"required": ["bucket"]}],
    "dependentRequired": {"prefix": ["bucket"]},
    "properties": {
        "path": {"type": "string", "title": "Path"},
        "url": {"type": "string"},
        "bucket": {"type": "string"},
        "prefix": {"type": "string"},
        "table": {"type": "string"},
        "primary_key": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "write_mode": {"enum": ["append", "replace"]},
        "header": {"type": "boolean", "default": True},
        "retries": {"type": "integer", "minimum": 0, "maximum": 9},
        "repositories": {"type": "array", "items": {"type": "string"}},
        "null_values": {"type": "array", "items": {"type": "string"}, "default": [""]},
        "extra": {"type": "object"},
        "names": {"type": "object", "additionalProperties": {"type": "string"}, "examples": [{"hr.expense": "expenses"}]},
        "kinds": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        "size": {"type": "integer", "title": "Largest file", "default": 20_000_000_000},
    },
}


def by_name():
    return {setting.name: setting for setting in settings_of(SCHEMA)}


def test_every_property_has_the_field_of_its_kind():
    kinds = {name: setting.kind for name, setting in by_name().items()}
    assert kinds["path"] == "text"
    assert kinds["write_mode"] == "choice"
    assert kinds["header"] == "boolean"
    assert kinds["retries"] == "integer"
    assert kinds["primary_key"] == kinds["repositories"] == "list"
    assert kinds["extra"] == "json"
    assert kinds["names"] == "pairs"
    assert kinds["kinds"] == "many"
    assert by_name()["kinds"].choices == ("a", "b")
    assert by_name()["names"].placeholder == "hr.expense = expenses"


def test_alternatives_show_only_their_own_settings():
    assert [(choice.key, choice.label) for choice in alternatives(SCHEMA)] == [
        ("path", "Path"),
        ("url", "A web address"),
        ("bucket", "Bucket"),
    ]
    settings = by_name()
    assert settings["path"].branches == ("path",)
    assert settings["prefix"].branches == ("bucket",)
    assert settings["table"].branches == ()


def test_what_another_alternative_left_behind_is_not_in_the_config():
    values = {"path": "/x.csv", "url": "https://example.org/x.csv", "prefix": "in/", "table": "orders"}
    assert config_from(settings_of(SCHEMA), values, "path", {}) == {"path": "/x.csv", "table": "orders"}
    assert config_from(settings_of(SCHEMA), values, "url", {}) == {"url": "https://example.org/x.csv", "table": "orders"}


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("primary_key", "id", "id"),
        ("primary_key", "id\nline", ["id", "line"]),
        ("repositories", "one", ["one"]),
        ("null_values", '""', None),
        ("null_values", '""\nNA', ["", "NA"]),
        ("header", True, None),
        ("header", False, False),
        ("retries", 0, 0),
        ("write_mode", "", None),
        ("extra", {}, None),
        ("size", 20_000_000_000, None),
        ("size", 5, 5),
    ],
)
def test_values_keep_their_type_and_defaults_are_left_out(name, value, wanted):
    config = config_from([by_name()[name]], {name: value}, "", {})
    assert config == ({} if wanted is None else {name: wanted})


def test_settings_the_form_does_not_know_stay():
    assert config_from(settings_of(SCHEMA), {"table": "a"}, "path", {"internal": 1, "table": "b"}) == {"internal": 1, "table": "a"}


def test_what_is_shown_comes_back_the_same():
    config = {"table": "a", "primary_key": ["id", "line"], "null_values": ["", "NA"], "header": False, "retries": 3, "path": "/x"}
    settings = settings_of(SCHEMA)
    values = {setting.name: shown_value(setting, config) for setting in settings}
    assert config_from(settings, values, "path", {}) == config


@pytest.mark.parametrize("key", sorted(contract.sources()))
def test_every_installed_source_makes_a_form(key):
    schema = contract.sources()[key].config_schema
    Draft202012Validator.check_schema(schema)
    assert {setting.name for setting in settings_of(schema)} == set(schema["properties"])
    for choice in alternatives(schema):
        assert choice.key in schema["properties"]


def test_settings_are_said_with_their_titles_as_people_write_values():
    config = {
        "old_one": {"a": 1},
        "size": 20_000_000_000,
        "header": False,
        "null_values": ["", "NA"],
        "path": "/data/*.csv",
        "primary_key": "id",
    }
    assert [(one.label, one.text, one.default) for one in said_settings(SCHEMA, config)] == [
        ("Path", "/data/*.csv", False),
        ("Primary key", "id", False),
        ("Header", "no", False),
        ("Null values", '"", NA', False),
        ("Largest file", "20,000,000,000", True),
        ("Old one", '{"a": 1}', False),
    ]
