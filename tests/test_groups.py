"""Tests of one group run one after the other: some look at what all of a kind leave on the server."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("groups")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process: everything runs one after the other")
def test_the_runner_knows_the_groups(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@groups")
