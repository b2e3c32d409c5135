"""Load the demo: a small bundled file set, through real connector runs. Does nothing once it is there."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings

from connectors import queries, services
from connectors.management.base import ConnectorCommand
from connectors.models import ConnectorRun, Status
from ipai.access.models import Tenant
from ipai.observability.audit import Actor


class Command(ConnectorCommand):
    help = "Makes the demo connectors and runs each of them once. Demo data, made up; delete the connectors to be rid of it."

    def handle(self, *_: Any, **options: Any) -> None:
        tenant = self.tenant(options["tenant"])
        actor = Actor("demo")
        runs = [] if tenant.connectors.exists() else [self._load(entry, tenant, actor, options) for entry in entries()]
        if options["json"]:
            self.answer(options, {"runs": [queries.run_detail(run) for run in runs]}, "")

    def _load(self, entry: dict[str, Any], tenant: Tenant, actor: Actor, options: dict[str, Any]) -> ConnectorRun:
        connector = services.create_connector(
            actor=actor,
            tenant=tenant,
            name=entry["name"],
            connector_type=entry["type"],
            config=entry["config"],
            secrets=entry.get("secrets", {}),
            schedule=entry.get("schedule", ""),
        )
        run = services.execute_run(services.queue_run(connector=connector, actor=actor, send_to_worker=False).pk)
        if not options["json"]:
            mark = "ok" if run.status == Status.SUCCESS else "FAILED"
            self.stdout.write(f"  {mark}  {connector.name}: {queries.run_words(run)}")
        return run


def entries() -> list[dict[str, Any]]:
    """The demo's connectors: name, type, config, schedule, secrets of vendors that are not real."""
    text = (settings.IPAI_DEMO_DIR / "connectors.json").read_text()
    found: list[dict[str, Any]] = json.loads(text.replace("{demo}", str(settings.IPAI_DEMO_DIR)))
    return found
