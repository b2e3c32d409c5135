"""What every registered source must hold to."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from connectors.contract import Check, Client, ReconnectNeeded, Source, StopStream, Stream, sources
from connectors.engine.client import build_http

BRONZE = r"ipai_bronze_(core|erp|devops)\.[a-z][a-z0-9_]{0,62}"
LEAST: dict[str, dict[str, Any]] = {
    "files": {"path": "/nowhere/a.csv", "table": "things"},
    "github": {"owner": "demo", "api_url": "https://github.demo.invalid"},
    "odoo": {"url": "https://odoo.demo.invalid", "database": "demo", "user": "demo"},
}
"""A config with the required fields only, for sources whose required fields have no default."""


def config_of(source: type[Source]) -> dict[str, Any]:
    wanted = {name: spec["default"] for name, spec in source.config_schema["properties"].items() if "default" in spec}
    return wanted | LEAST.get(source.key, {})


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    log = logging.getLogger("run")
    with build_http(log, False) as http:
        yield Client(http, tmp_path, log, files_roots=(tmp_path,))


@pytest.fixture(params=sorted(key for key, source in sources().items() if source.__module__.startswith("connectors.sources.")))
def source(request: pytest.FixtureRequest) -> type[Source]:
    return sources()[request.param]


def test_the_schema_makes_a_form(source: type[Source]) -> None:
    Draft202012Validator.check_schema(source.config_schema)
    assert source.config_schema["type"] == "object"
    for name, spec in source.config_schema["properties"].items():
        assert spec.get("title"), name
        assert spec.get("description"), name
    assert set(source.config_schema.get("required", ())) <= source.config_schema["properties"].keys()


def test_the_words_are_there(source: type[Source]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", source.key)
    assert source.label
    assert source.description
    assert len({field.name for field in source.secrets}) == len(source.secrets)
    for field in source.secrets:
        assert field.label
        assert field.name not in source.config_schema["properties"], "a secret is not part of the config"


def test_check_tells_and_never_raises(source: type[Source], client: Client) -> None:
    found = list(source(config_of(source), {}).check(client))
    assert found
    assert all(isinstance(line, Check) and line.detail and "\n" not in line.detail for line in found)
    assert list(source({}, {}).check(client)), "not even for an empty config"


def test_streams_keep_to_the_contract(source: type[Source], client: Client) -> None:
    try:
        streams = source(config_of(source), {}).streams(client)
    except ReconnectNeeded:
        return  # it signs in first, and there is no secret here
    except StopStream:
        pytest.fail("streams() of the least config must work")
    assert len({stream.name for stream in streams}) == len(streams) > 0
    for stream in streams:
        assert isinstance(stream, Stream)
        assert re.fullmatch(BRONZE, stream.target)
        assert isinstance(stream.primary_key, tuple)
        assert stream.write_mode in ("append", "replace", "merge")
        assert stream.write_mode != "merge" or stream.primary_key
        assert stream.schema_policy in ("evolve", "freeze", "discard_row", "discard_value")
