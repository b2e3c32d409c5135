"""System checks: a source that does not follow the contract stops the start with one line."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from connectors import contract


@register
def sources_load(**_: Any) -> list[CheckMessage]:
    """Import every module of ``connectors.sources`` and validate the schemas."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        found = contract.sources()
    except (ImportError, TypeError) as error:
        return [Error(f"A source cannot be loaded: {error}", id="connectors.E001")]
    problems: list[CheckMessage] = []
    for key, source in found.items():
        try:
            Draft202012Validator.check_schema(source.config_schema)
        except SchemaError as error:
            problems.append(Error(f"Source {key}: config_schema is not a JSON Schema: {error.message}", id="connectors.E002"))
    return problems
