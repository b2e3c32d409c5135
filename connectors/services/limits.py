"""What the operator lets connectors reach: folders of this host, and addresses."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from connectors.contract import Source, StopStream
from connectors.engine.client import is_public
from connectors.storage import LocalPlace
from ipai.access.models import Tenant

TENANT = "{tenant}"
"""Stands in a folder of IPAI_FILES_ROOTS for the slug of the connector's tenant."""


def uploads_dir(connector_id: object) -> Path:
    """Where files that people upload for a connector are kept."""
    return Path(settings.IPAI_UPLOADS_DIR) / str(connector_id)


def files_roots(tenant: Tenant | None, connector_id: object) -> tuple[Path, ...]:
    """The folders that a connector may read: those of its tenant, the demo's, and its own uploads, nobody else's."""
    roots = [str(root) for root in settings.IPAI_FILES_ROOTS]
    if tenant is None:
        roots = [root for root in roots if TENANT not in root]
    else:
        roots = [root.replace(TENANT, tenant.slug) for root in roots]
    folders = [*map(Path, roots), Path(settings.IPAI_DEMO_DIR)]
    folders += [uploads_dir(connector_id)] if connector_id else []
    return tuple(folder.resolve() for folder in folders)


def refusals(source: type[Source], config: Mapping[str, Any], roots: tuple[Path, ...]) -> dict[str, str]:
    """What can never work here, as ``{field: why}``: a path outside the roots, an address that connectors may not reach.

    The source's schema says which settings are paths on this host (``x-upload``) and which are addresses (``format: uri``).
    """
    found = {}
    for name, rule in source.config_schema.get("properties", {}).items():
        value = config.get(name)
        if not isinstance(value, str) or not value:
            continue
        problem = path_problem(value, roots) if rule.get("x-upload") else None
        problem = address_problem(value) if rule.get("format") == "uri" else problem
        if problem:
            found[name] = problem
    return found


def path_problem(path: str, roots: tuple[Path, ...]) -> str | None:
    """Why nothing at this path may be read; None when it may, whether or not it is there."""
    try:
        LocalPlace(path, roots)
    except StopStream as error:
        return str(error)
    return None


def address_problem(url: str) -> str | None:
    """Why connectors may not reach this address; None when they may. Names are not looked up: that is done on each connection."""
    if settings.IPAI_ALLOW_PRIVATE_URLS:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "This is not an address: write it like https://host/path"
    if parts.scheme != "https":
        return "Use an https:// address; http:// is for portals with IPAI_ALLOW_PRIVATE_URLS=1"
    if not host:
        return "The address has no host: write it like https://host/path"
    if not _public(host):
        return f"{host} is not a public address: IPAI_ALLOW_PRIVATE_URLS=1 lets connectors reach private ones"
    return None


def _public(host: str) -> bool:
    """Whether a host may be public: a name may, unless it is this machine's; an address is looked at however it is written."""
    if host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost"):
        return False
    try:
        return is_public(str(ipaddress.ip_address(host.partition("%")[0])))
    except ValueError:
        pass
    try:
        return is_public(socket.inet_ntoa(socket.inet_aton(host)))  # 127.1, 2130706433, 0x7f.0.0.1
    except OSError:
        return True
