"""Load the demo: a small bundled file set, through real connector runs. Does nothing once it is there."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings

from connectors import queries, services
from connectors.management.base import ConnectorCommand
from connectors.models import Status
from ipai.observability.audit import Actor


class Command(ConnectorCommand):
    help = "Makes the demo connectors and runs each of them once. Demo data, made up; delete the connectors to be rid of it."

    def handle(self, *_: Any, **options: Any) -> None:
        tenant = self.tenant(options["tenant"])
        actor = Actor("demo")
        if tenant.connectors.exists():
            return
        text = (settings.IPAI_DEMO_DIR / "connectors.json").read_text()
        for entry in json.loads(text.replace("{demo}", str(settings.IPAI_DEMO_DIR))):
            connector = services.create_connector(
                actor=actor,
                tenant=tenant,
                name=entry["name"],
                connector_type=entry["type"],
                config=entry["config"],
                schedule=entry.get("schedule", ""),
            )
            run = services.execute_run(services.queue_run(connector=connector, actor=actor, send_to_worker=False).pk)
            mark = "ok" if run.status == Status.SUCCESS else "FAILED"
            self.stdout.write(f"  {mark}  {connector.name}: {queries.run_words(run)}")
