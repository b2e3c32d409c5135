"""A WSGI application that speaks Odoo's three protocols over a store: JSON-RPC, XML-RPC and, from version 19, JSON-2."""

from __future__ import annotations

import hmac
import json
import xmlrpc.client
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from connectors.demo.odoo.errors import AccessDenied, InvalidArguments, OdooError, UnknownDatabase, UnknownMethod, UnknownModel
from connectors.demo.odoo.methods import Records
from connectors.demo.odoo.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

JSON = "application/json; charset=utf-8"
XML = "text/xml; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(slots=True)
class Call:
    """A call of a model's method, whichever protocol it came by."""

    model: str
    method: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Response:
    """An HTTP answer; ``truncate`` announces the whole body and sends half of it."""

    status: int = 200
    body: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    truncate: bool = False


class Replaced(Exception):
    """A hook answered in the place of the data call."""

    def __init__(self, response: Response) -> None:
        self.response = response


Hook = Callable[[Call], Response | None]


class FakeOdoo:
    """The application. ``calls`` holds every data call; ``before`` are hooks run before each, which may change the store
    or answer in its place; ``denied_models`` and ``denied_fields`` are what the user may not read; ``expired`` refuses
    every password and key from now on; its clock is so far ``ahead`` of this host's."""

    def __init__(
        self,
        store: Store,
        *,
        database: str = "demo",
        users: Mapping[str, str] | None = None,
        api_key: str = "demo-key",
        version: int = 18,
    ) -> None:
        self.store = store
        self.database = database
        self.users = dict(users or {"demo": "demo"})
        self.api_key = api_key
        self.version = version
        self.calls: list[Call] = []
        self.before: list[Hook] = []
        self.denied_models: set[str] = set()
        self.denied_fields: dict[str, set[str]] = {}
        self.expired = False
        self.ahead = timedelta(0)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            response = self.route(environ)
        except Replaced as replaced:
            response = replaced.response
        body = response.body.encode() if isinstance(response.body, str) else response.body
        headers = {"Content-Type": JSON, "Content-Length": str(len(body)), "X-Content-Type-Options": "nosniff"}
        headers["Date"] = format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)
        start_response(f"{response.status} {reason(response.status)}", list((headers | dict(response.headers)).items()))
        return [body[: len(body) // 2] if response.truncate else body]

    def route(self, environ: WSGIEnvironment) -> Response:
        path, posted = environ.get("PATH_INFO", "/"), environ["REQUEST_METHOD"] == "POST"
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) if posted else b""
        if path == "/jsonrpc" and posted:
            return self.jsonrpc(body)
        if path in ("/xmlrpc/2/common", "/xmlrpc/2/object", "/xmlrpc/2/db") and posted:
            return self.xmlrpc(path.rpartition("/")[2], body)
        if path.startswith("/json/2/") and self.version >= 19:
            return self.json2(path, posted, body, environ)
        if path in ("/web/version", "/json/version") and self.version >= 19:
            return answer({"version_info": self.version_info, "version": f"{self.version}.0"})
        return page(404, "The requested URL was not found on the server.")

    def jsonrpc(self, body: bytes) -> Response:
        """HTTP 200 whatever happens; an error under ``error``, None as no result at all."""
        try:
            request = json.loads(body)
        except ValueError:
            return page(400, "Invalid JSON data")
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request.get("id")}
        params = request.get("params") or {}
        try:
            result = self.service(params.get("service", ""), params.get("method", ""), params.get("args") or [])
        except OdooError as error:
            return answer(reply | {"error": {"code": 200, "message": "Odoo Server Error", "data": error.data()}})
        return answer(reply if result is None else reply | {"result": result})

    def xmlrpc(self, service: str, body: bytes) -> Response:
        """HTTP 200 whatever happens; an error is a fault, its text a traceback when the code is 1."""
        params, method = xmlrpc.client.loads(body)
        try:
            result = self.service(service, str(method), list(params))
            text = xmlrpc.client.dumps((result,), methodresponse=True, allow_none=False)
        except OdooError as error:
            text = fault(error)
        except TypeError as error:
            text = fault(InvalidArguments(str(error)))
        return Response(200, text, {"Content-Type": XML})

    def service(self, service: str, method: str, args: Sequence[Any]) -> Any:
        """The services ``common``, ``db`` and ``object``. Raises OdooError."""
        if service == "common" and method == "version":
            return self.about()
        if service == "common" and method in ("authenticate", "login"):
            return self.authenticate(*args[:3])
        if service == "db" and method == "list":
            return [self.database]
        if service == "object" and method in ("execute_kw", "execute"):
            database, uid, password, model, name, *rest = args
            self.check_password(database, uid, password)
            if method == "execute":
                return self.data(Call(model, name, rest), uid)
            positional, named = [*rest, [], {}][:2]
            return self.data(Call(model, name, list(positional), dict(named or {})), uid)
        raise UnknownMethod(f"Method not found: {service}.{method}")

    @property
    def version_info(self) -> list[Any]:
        return [self.version, 0, 0, "final", 0, ""]

    def about(self) -> dict[str, Any]:
        serie = f"{self.version}.0"
        return {"server_version": serie, "server_version_info": self.version_info, "server_serie": serie, "protocol_version": 1}

    def authenticate(self, database: str, user: str, password: str) -> int | bool:
        """The user's id, False when name or password are wrong. Raises UnknownDatabase."""
        self.check_database(database)
        known = user in self.users and self.accepts(user, password)
        return list(self.users).index(user) + 2 if known else False

    def accepts(self, user: str, password: str) -> bool:
        secrets = (self.users[user], self.api_key)
        return not self.expired and any(hmac.compare_digest(str(password).encode(), secret.encode()) for secret in secrets)

    def check_database(self, database: str) -> None:
        if database != self.database:
            raise UnknownDatabase(database)

    def check_password(self, database: str, uid: int, password: str) -> None:
        self.check_database(database)
        users = dict(enumerate(self.users, 2))
        if uid not in users or not self.accepts(users[uid], password):
            raise AccessDenied

    def data(self, call: Call, uid: int) -> Any:
        """Record a call, run the hooks, answer from the store. Raises OdooError, or Replaced when a hook answers."""
        self.calls.append(call)
        for hook in list(self.before):
            if (response := hook(call)) is not None:
                raise Replaced(response)
        store = self.store
        with store.lock:
            records = Records(store, call.model, uid, self.denied_fields.get(call.model, set()), self.version)
            return records.call(call.method, call.args, call.kwargs, allowed=call.model not in self.denied_models)

    def json2(self, path: str, posted: bool, body: bytes, environ: WSGIEnvironment) -> Response:
        """``POST /json/2/<model>/<method>``: arguments by name, a real HTTP status."""
        database = environ.get("HTTP_X_ODOO_DATABASE", self.database)
        if database != self.database:
            return page(404, "No database is selected and the requested URL was not found in the server-wide controllers.")
        model, _, method = path.removeprefix("/json/2/").partition("/")
        if not posted or not method:
            return werkzeug(404, "NotFound", "Did you mean POST /json/2/<model>/<method>?")
        scheme, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return werkzeug(401, "Unauthorized", "User not authenticated, use an API Key with a Bearer Authorization header.")
        if self.expired or not hmac.compare_digest(key.encode(), self.api_key.encode()):
            return werkzeug(401, "Unauthorized", "Invalid apikey")
        try:
            named = json.loads(body or b"{}")
        except ValueError:
            return werkzeug(400, "BadRequest", "could not parse the body as json")
        try:
            return answer(self.data(Call(model, method, [], named if isinstance(named, dict) else {}), 2))
        except UnknownModel as error:
            return werkzeug(404, "NotFound", f"the model '{error.model}' does not exist")
        except UnknownMethod as error:
            return werkzeug(404, "NotFound", error.message)
        except OdooError as error:
            return answer(error.data(), error.status)


def answer(value: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(value))


def page(status: int, text: str) -> Response:
    """An error as a web page, as the server gives outside its controllers."""
    title = f"{status} {reason(status)}"
    return Response(status, f"<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n<p>{text}</p>\n", {"Content-Type": HTML})


def werkzeug(status: int, name: str, message: str) -> Response:
    """An HTTP error of JSON-2."""
    error = OdooError(message)
    error.name = f"werkzeug.exceptions.{name}"
    response = answer(error.data(status), status)
    if status == 401:
        response.headers = {"WWW-Authenticate": "Bearer "}
    return response


def fault(error: OdooError) -> str:
    """An XML-RPC fault."""
    text = error.debug if error.fault == 1 else error.message
    return xmlrpc.client.dumps(xmlrpc.client.Fault(error.fault, text), methodresponse=True)


def reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
