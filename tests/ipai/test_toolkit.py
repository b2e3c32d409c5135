"""Tools and after-load hooks, found in the apps' ``tools.py``."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from ipai import toolkit
from ipai.toolkit import Load, ToolMistake, after_load, loaded, tool, tools


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    tools()
    monkeypatch.setattr(toolkit, "_tools", dict(toolkit._tools))
    monkeypatch.setattr(toolkit, "_hooks", {schema: list(hooks) for schema, hooks in toolkit._hooks.items()})


def test_the_apps_tools_are_found_with_their_schemas() -> None:
    found = tools()
    assert {"ci_status", "ci_metrics", "dora", "deployments", "spec_compliance"} <= set(found)
    for one in found.values():
        assert one.description
        assert one.operations == ("read",)
    schema = found["dora"].input_schema
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"repository", "first_month", "last_month", "limit"}
    assert schema["properties"]["limit"] == {
        "default": 200,
        "description": "How many rows at most",
        "maximum": 500,
        "minimum": 1,
        "title": "Limit",
        "type": "integer",
    }


def test_arguments_are_checked_and_defaults_are_the_functions() -> None:
    @tool(schemas=("ipai_gold_devops",))
    def count(cursor: Any, first: int, name: Annotated[str, Field(max_length=3)] = "abc") -> tuple[Any, int, str]:
        """Count."""
        return cursor, first, name

    declared = tools()["count"]
    assert declared.call("cursor", {"first": 3}) == ("cursor", 3, "abc")
    for wrong in ({}, {"first": "many"}, {"first": 1, "name": "long"}, {"first": 1, "other": 2}):
        with pytest.raises(ValidationError):
            declared.call("cursor", wrong)


def test_mistakes_in_a_declaration_are_told() -> None:
    def silent(cursor: Any) -> None: ...

    def loose(cursor: Any, anything) -> None:  # type: ignore[no-untyped-def]
        """Takes what has no type."""

    def dora(cursor: Any) -> None:
        """A second tool of a name."""

    with pytest.raises(ToolMistake, match="docstring"):
        tool(schemas=("a",))(silent)
    with pytest.raises(ToolMistake, match="anything"):
        tool(schemas=("a",))(loose)
    with pytest.raises(ToolMistake, match="operations among"):
        tool(schemas=("a",), operations=("drop",), name="drop")(dora)
    with pytest.raises(ToolMistake, match="two tools are named dora"):
        tool(schemas=("a",))(dora)


def test_hooks_hear_of_their_schema_and_one_that_fails_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Load] = []

    @after_load("ipai_bronze_test")
    def fail(load: Load) -> None:
        raise ValueError("no")

    after_load("ipai_bronze_test")(heard.append)
    load = Load("ipai_bronze_test", uuid.uuid4(), uuid.uuid4())
    loaded(load)
    loaded(Load("ipai_bronze_other", uuid.uuid4(), uuid.uuid4()))
    assert heard == [load]
    assert "What follows a load into ipai_bronze_test failed" in caplog.text
