"""Calls to an Odoo server over its three external APIs, with one set of errors.

JSON-RPC and XML-RPC send the database, the user's id and the password with each call; JSON-2 (Odoo 19 and later) sends
a bearer key. Errors are told apart by what the protocols say in fields (exception name, fault code, HTTP status).
"""

from __future__ import annotations

import random
import threading
import time
import xmlrpc.client
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar

import httpx
import msgspec

from connectors.contract import Client, ReconnectNeeded, Retry, SourceError, StopStream

TRIES = 4
"""Times a call is sent at most, while the server is away or busy."""
LONGEST_WAIT = 60.0
BUSY = (408, 425, 429, 500, 502, 503, 504)
_LOGINS: dict[tuple[str, str, str, int], int] = {}
"""User ids by address, database, login and password's hash: a login costs the server a third of a second."""
_LOGINS_LOCK = threading.Lock()


class Refused(StopStream):
    """The user has no right to the model or to a field of it."""


class Unknown(StopStream):
    """There is no such model, field or method."""


class Failed(StopStream):
    """Odoo raised something else; the message is Odoo's own first line."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks where. ``url`` has no path."""

    url: str
    database: str
    user: str
    password: str = field(repr=False)


class Odoo(ABC):
    """One server, database and user."""

    def __init__(self, login: Login, client: Client, timeout: float = 120.0, tries: int = TRIES) -> None:
        self.login, self._client, self._timeout, self._tries = login, client, timeout, tries

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """What the method answers. Sent again when the server is away or busy: only methods that read are called."""
        return self.call_as(Any, model, method, **arguments)

    def call_as(self, shape: Any, model: str, method: str, **arguments: Any) -> Any:
        """As ``call``; the answer is decoded into this type."""
        return self._patiently(lambda: self._call(model, method, arguments, shape))

    @abstractmethod
    def _call(self, model: str, method: str, arguments: Mapping[str, Any], shape: Any) -> Any: ...

    @abstractmethod
    def version(self) -> tuple[int, str]:
        """The major version and the whole one, e.g. ``(18, "18.0")``."""

    @abstractmethod
    def sign_in(self) -> None:
        """Make sure that the credentials work; ReconnectNeeded when not."""

    @property
    def place(self) -> str:
        """The server and database for people."""
        return f"{self.login.url}, database {self.login.database}"

    def _patiently(self, send: Any) -> Any:
        attempt = 0
        while True:
            attempt += 1
            try:
                return send()
            except Retry as error:
                if attempt >= self._tries or self._client.stopping():
                    raise
                wait = error.after if error.after is not None else 2 ** (attempt - 1) * random.uniform(0.5, 1)  # noqa: S311 (jitter)
                self._client.log.warning("%s; trying again in %.1f s", error, min(wait, LONGEST_WAIT))
                self._sleep(min(wait, LONGEST_WAIT))

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._client.stopping():
            time.sleep(min(left, 0.2))

    def _post(self, path: str, content: bytes, headers: Mapping[str, str], good: Sequence[int] = (200,)) -> httpx.Response:
        """The answer when its status is one of ``good``; else the error that the status means."""
        host = self.login.url
        try:
            response = self._client.http.post(
                host + path, content=content, headers=headers, timeout=self._timeout, follow_redirects=False
            )
        except httpx.TimeoutException:
            raise Retry(f"{host} did not answer within {self._timeout:.0f} s") from None
        except httpx.TransportError as error:
            raise Retry(f"{host} cannot be reached or broke off: {str(error) or type(error).__name__}") from None
        if response.status_code in good:
            return response
        raise _by_status(host, response)


class _Services(Odoo):
    """The services ``common``, ``object`` and ``db`` that JSON-RPC and XML-RPC offer alike."""

    def version(self) -> tuple[int, str]:
        """From the service ``common``; needs no login."""
        return _version(self._patiently(lambda: self._service("common", "version", [])))

    def sign_in(self) -> None:
        """Ask for the user's id, once in this process."""
        self._uid()

    @abstractmethod
    def _service(self, service: str, method: str, arguments: Sequence[Any], shape: Any = Any) -> Any: ...

    def _call(self, model: str, method: str, arguments: Mapping[str, Any], shape: Any) -> Any:
        named = dict(arguments)
        ids = [named.pop("ids")] if "ids" in named else []
        login = self.login
        parameters = [login.database, self._uid(), login.password, model, method, ids, named]
        return self._service("object", "execute_kw", parameters, shape)

    def _uid(self) -> int:
        """The user's id, kept for the process: a login costs Odoo a third of a second."""
        login = self.login
        key = (login.url, login.database, login.user, hash(login.password))
        with _LOGINS_LOCK:
            if key not in _LOGINS:
                uid = self._patiently(self._authenticate)
                if not uid:
                    raise _denied(login)
                _LOGINS[key] = int(uid)
            return _LOGINS[key]

    def _authenticate(self) -> Any:
        """The user's id, or False for a wrong user or password."""
        login = self.login
        try:
            return self._service("common", "authenticate", [login.database, login.user, login.password, {}])
        except (Retry, Failed):
            if self._has_database() is False:
                raise ReconnectNeeded(f"Odoo at {login.url} has no database {login.database}") from None
            raise

    def _has_database(self) -> bool | None:
        try:
            return bool(self._service("db", "db_exist", [self.login.database]))
        except SourceError:
            return None


class JsonRpc(_Services):
    """``/jsonrpc``, Odoo 8 to 19. Errors come with HTTP status 200."""

    def _service(self, service: str, method: str, arguments: Sequence[Any], shape: Any = Any) -> Any:
        body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": {"service": service, "method": method, "args": arguments}}
        response = self._post("/jsonrpc", msgspec.json.encode(body), {"Content-Type": "application/json"})
        answer = _json(self.login.url, response, _Reply[shape])
        if error := answer.error:
            data = error.get("data") or {}
            raise _by_name(self.login, str(data.get("name")), str(data.get("message") or error.get("message")))
        return answer.result


class XmlRpc(_Services):
    """``/xmlrpc/2``: the same services as JSON-RPC with fault codes; slower."""

    _CODES: Mapping[int, str] = {
        2: "odoo.exceptions.UserError",
        3: "odoo.exceptions.AccessDenied",
        4: "odoo.exceptions.AccessError",
    }

    def _service(self, service: str, method: str, arguments: Sequence[Any], shape: Any = Any) -> Any:
        body = xmlrpc.client.dumps(tuple(arguments), method).encode()
        response = self._post(f"/xmlrpc/2/{service}", body, {"Content-Type": "text/xml"})
        try:
            (answer,), _ = xmlrpc.client.loads(response.content)
        except xmlrpc.client.Fault as fault:
            name = self._CODES.get(fault.faultCode, "")
            lines = str(fault.faultString).strip().splitlines() or [""]
            raise _by_name(self.login, name, lines[0] if name else lines[-1]) from None
        except Exception:  # expat and the unmarshaller raise many kinds for a cut answer
            raise Retry(f"{self.login.url} sent XML that cannot be read") from None
        return answer if shape is Any else msgspec.convert(answer, shape)


class Json2(Odoo):
    """``/json/2/<model>/<method>``, Odoo 19 and later: an API key, named arguments, real HTTP statuses."""

    def version(self) -> tuple[int, str]:
        """From ``/web/version``; needs no key."""
        try:
            response = self._client.http.get(f"{self.login.url}/web/version", timeout=self._timeout)
        except httpx.TransportError as error:
            raise Retry(f"{self.login.url} cannot be reached or broke off: {str(error) or type(error).__name__}") from None
        if response.status_code != httpx.codes.OK:
            raise StopStream(f"{self.login.url} has no JSON-2 API (Odoo 19 and later): choose api jsonrpc")
        answer = _json(self.login.url, response, dict[str, Any])
        return int(answer["version_info"][0]), str(answer["version"])

    def sign_in(self) -> None:
        """One cheap call with the key."""
        self.call("res.users", "context_get")

    def _call(self, model: str, method: str, arguments: Mapping[str, Any], shape: Any) -> Any:
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"bearer {self.login.password}",
            "X-Odoo-Database": self.login.database,
        }
        statuses = (200, 400, 401, 403, 404, 422, 500)
        response = self._post(f"/json/2/{model}/{method}", msgspec.json.encode(arguments), headers, statuses)
        if response.status_code == httpx.codes.OK:
            return _json(self.login.url, response, shape)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise _denied(self.login)
        if "json" not in response.headers.get("content-type", ""):
            if response.status_code == httpx.codes.NOT_FOUND:
                raise StopStream(
                    f"Odoo at {self.login.url} has no database {self.login.database}, or no JSON-2 API (Odoo 19 and later)"
                )
            raise _by_status(self.login.url, response)
        answer = _json(self.login.url, response, dict[str, Any])
        raise _by_name(self.login, str(answer.get("name")), str(answer.get("message")))


APIS: Mapping[str, type[Odoo]] = {"jsonrpc": JsonRpc, "json2": Json2, "xmlrpc": XmlRpc}


def _version(answer: Mapping[str, Any]) -> tuple[int, str]:
    info = answer.get("server_version_info") or [str(answer.get("server_version", "0")).partition(".")[0]]
    digits = "".join(character for character in str(info[0]) if character.isdigit())
    return int(digits or 0), str(answer.get("server_serie") or answer.get("server_version"))


Result = TypeVar("Result")


class _Reply(msgspec.Struct, Generic[Result]):
    """An answer of JSON-RPC; one without a result is None."""

    jsonrpc: str
    result: Result | None = None
    error: dict[str, Any] | None = None


@lru_cache(maxsize=64)
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def _json(url: str, response: httpx.Response, shape: Any) -> Any:
    try:
        return _decoder(shape).decode(response.content)
    except msgspec.ValidationError:
        raise StopStream(f"{url} answered in another form than Odoo does: is it the address of an Odoo server?") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        if "json" in response.headers.get("content-type", ""):
            raise Retry(f"{url} sent JSON that ends too early or cannot be read") from None
        raise StopStream(f"{url} does not answer as an Odoo server: is it the right address?") from None


def _by_status(url: str, response: httpx.Response) -> SourceError:
    status = response.status_code
    if status in BUSY:
        after = response.headers.get("retry-after", "")
        return Retry(f"{url} answered HTTP {status}", float(after) if after.isdigit() else None)
    if response.is_redirect:
        return StopStream(f"{url} redirects to {response.headers.get('location', '?')}: use that address")
    return StopStream(f"{url} answered HTTP {status}: is it the address of an Odoo server?")


def _denied(login: Login) -> ReconnectNeeded:
    return ReconnectNeeded(
        f"Odoo at {login.url} refused user {login.user}: wrong password or an expired API key; set the connector's secret again"
    )


def _by_name(login: Login, name: str, message: str) -> SourceError:
    """The error that an exception of Odoo's means. Its text is only passed on."""
    kind = name.rpartition(".")[2]
    line = next((part.strip() for part in message.splitlines() if part.strip()), kind)[:300]
    if kind in ("AccessDenied", "Unauthorized"):
        return _denied(login)
    if kind in ("AccessError", "Forbidden"):
        return Refused(line)
    if kind in ("KeyError", "NotFound", "UserError", "AttributeError"):
        return Unknown(line)
    if kind in ("OperationalError", "InterfaceError"):
        return Retry(f"Odoo at {login.url} cannot use its database {login.database}: does it exist, and is it up?")
    if name.startswith("psycopg2."):
        return Retry(f"The database of Odoo at {login.url} refused: {line}")
    return Failed(f"Odoo says: {line}")
