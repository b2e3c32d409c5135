"""Odoo Community 16 to 19: the ledger and what goes with it, into ``ipai_bronze_erp``, compared with Odoo's own totals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from connectors.contract import Check, Client, SecretField, Source, SourceError, Stream
from connectors.sources.odoo.config import CONFIG, problems_of
from connectors.sources.odoo.errors import Login
from connectors.sources.odoo.models import Model, models
from connectors.sources.odoo.proof import controls, gaps
from connectors.sources.odoo.reader import BELOW
from connectors.sources.odoo.rpc import APIS, TRIES, Odoo
from connectors.sources.odoo.stream import OdooStream
from connectors.sources.odoo.window import Pace


class OdooSource(Source):
    """One connector reads one database of one Odoo server."""

    key = "odoo"
    label = "Odoo"
    description = "The ledger, partners, payments and projects of Odoo Community 16 to 19, proven against Odoo's own totals."
    config_schema: ClassVar[Mapping[str, Any]] = CONFIG
    proves = True
    secrets = (SecretField("password", "Password or API key", required=True),)

    def streams(self, client: Client) -> Sequence[Stream]:
        """One for each model. Signs in, so that a wrong password stops the run before it begins."""
        odoo = self.odoo(client)
        odoo.sign_in()
        return self._streams(odoo)

    def odoo(self, client: Client, tries: int = TRIES) -> Odoo:
        """The API that the config chooses."""
        login = Login(
            address(self.config), str(self.config["database"]), str(self.config.get("user") or ""), self.secret.get("password", "")
        )
        kind = APIS[str(self.config.get("api") or "jsonrpc")]
        return kind(login, client, float(self.config.get("timeout_seconds") or 120), tries)

    def _streams(self, odoo: Odoo) -> list[OdooStream]:
        config = self.config
        pace = Pace(
            page_size=int(config.get("page_size") or Pace.page_size),
            concurrency=int(config.get("concurrency") or Pace.concurrency),
            overlap=timedelta(minutes=float(config["overlap_minutes"])) if "overlap_minutes" in config else Pace.overlap,
            ids_every=timedelta(hours=float(config["compare_ids_hours"])) if "compare_ids_hours" in config else Pace.ids_every,
        )
        return [OdooStream(model, odoo, pace) for model in models(config)]

    def check(self, client: Client) -> Iterator[Check]:
        """The server, the login, and for each model how many records the user sees and which fields are missing."""
        if problems := problems_of(self.config):
            yield Check("Settings", False, "; ".join(f"{name}: {text}" for name, text in problems.items()))
            return
        odoo, step = self.odoo(client, tries=1), "Server"
        try:
            _, version = odoo.version()
            yield Check(step, True, f"Odoo {version} at {odoo.login.url}")
            step = "Login"
            odoo.sign_in()
            who = odoo.login.who
            yield Check(step, True, f"{who[0].upper()}{who[1:]} may sign in to {odoo.login.database}")
        except SourceError as error:
            yield Check(step, False, str(error))
            return
        for stream in self._streams(odoo):
            yield _look(stream)

    @classmethod
    def record_url(cls, config: Mapping[str, Any], stream: str, key: Mapping[str, Any]) -> str | None:
        """The record's form in Odoo."""
        model = next((model.name for model in models(config) if model.table == stream), None)
        if model is None or not key.get("id"):
            return None
        if config.get("api") == "json2":
            return f"{address(config)}/odoo/{model}/{key['id']}"
        return f"{address(config)}/web#id={key['id']}&model={model}&view_type=form"

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Mapping[str, str]:
        """An address of a server, a user where the API needs one, table names that do not collide."""
        return problems_of(config)


def address(config: Mapping[str, Any]) -> str:
    """``https://host[:port]`` of the configured url."""
    parts = urlsplit(str(config["url"]))
    return f"{parts.scheme}://{parts.netloc}"


def _look(stream: OdooStream) -> Check:
    notes: list[str] = []
    model: Model = stream.model
    try:
        layout = stream.reader.layout(notes.append)
        if layout is None:
            return Check(stream.name, model.optional, f"Odoo has no model {model.name}: the app that brings it is not installed")
        count = stream.reader.count()
        stream.reader.ids(BELOW)  # says whether they are unique
    except SourceError as error:
        return Check(stream.name, False, str(error))
    told = f"{count:,} records of {model.name} with {len(layout.columns)} columns for {model.target}"
    _, warnings = gaps(stream.reader, *controls(model, layout.fields), count)
    return Check(stream.name, True, "; ".join([told, *notes, *warnings]), warning=bool(warnings or notes))
