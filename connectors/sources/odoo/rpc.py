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
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from connectors.contract import Client, ReconnectNeeded, Retry, SourceError, StopStream
from connectors.sources.odoo.answers import Reply, decoded, shaped
from connectors.sources.odoo.errors import Failed, Login, by_name, by_status, denied

TRIES = 8
"""Times a call is sent at most, while the server is away or busy."""
LONGEST_WAIT = 60.0
LONGEST_TROUBLE = 300.0
"""Seconds after whose passing a call is not sent again."""
_LOGINS: dict[tuple[str, str, str, int], int] = {}
"""User ids by address, database, login and password's hash: a login costs the server a third of a second."""
_LOGINS_LOCK = threading.Lock()


class Odoo(ABC):
    """One server, database and user."""

    def __init__(self, login: Login, client: Client, timeout: float = 120.0, tries: int = TRIES) -> None:
        self.login, self._client, self._timeout, self._tries = login, client, timeout, tries
        self.ahead = timedelta(0)
        """How far the server's clock is ahead of this host's, by its last answer."""

    def now(self) -> datetime:
        """The server's clock."""
        return datetime.now(UTC) + self.ahead

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

    def _patiently(self, send: Callable[[], Any]) -> Any:
        """Send again while the server is in trouble. The only place that does: who gives up here stops the stream."""
        attempt, began = 0, time.monotonic()
        while True:
            attempt += 1
            try:
                return send()
            except Retry as error:
                if attempt >= self._tries or time.monotonic() - began > LONGEST_TROUBLE or self._client.stopping():
                    raise StopStream(f"{error} (tried {attempt} times)" if attempt > 1 else str(error)) from None
                wait = error.after if error.after is not None else 2 ** min(attempt - 1, 4) * random.uniform(0.5, 1)  # noqa: S311 (jitter)
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
        self._set_clock(response)
        if response.status_code in good:
            return response
        raise by_status(host, response)

    def _set_clock(self, response: httpx.Response) -> None:
        try:
            told = parsedate_to_datetime(response.headers["date"])
        except (KeyError, ValueError):
            return
        self.ahead = (told if told.tzinfo else told.replace(tzinfo=UTC)) - datetime.now(UTC)


class _Services(Odoo):
    """The services ``common``, ``object`` and ``db`` that JSON-RPC and XML-RPC offer alike."""

    def version(self) -> tuple[int, str]:
        """From the service ``common``; needs no login."""
        return _version(self._patiently(lambda: self._service("common", "version", [])))

    def sign_in(self) -> None:
        """Ask for the user's id, once in this process."""
        self._uid()

    @abstractmethod
    def _service(self, service: str, method: str, arguments: Sequence[Any], shape: Any = Any, asked: str = "") -> Any:
        """``asked`` is the call for people, where it is not the method itself."""

    def _call(self, model: str, method: str, arguments: Mapping[str, Any], shape: Any) -> Any:
        named = dict(arguments)
        ids = [named.pop("ids")] if "ids" in named else []
        login = self.login
        parameters = [login.database, self._uid(), login.password, model, method, ids, named]
        return self._service("object", "execute_kw", parameters, shape, f"{model}.{method}")

    def _uid(self) -> int:
        """The user's id, kept for the process: a login costs Odoo a third of a second."""
        login = self.login
        key = (login.url, login.database, login.user, hash(login.password))
        with _LOGINS_LOCK:
            if key not in _LOGINS:
                uid = self._patiently(self._authenticate)
                if not uid:
                    raise denied(login)
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

    def _service(self, service: str, method: str, arguments: Sequence[Any], shape: Any = Any, asked: str = "") -> Any:
        body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": {"service": service, "method": method, "args": arguments}}
        response = self._post("/jsonrpc", msgspec.json.encode(body), {"Content-Type": "application/json"})
        answer = decoded(self.login.url, asked or f"{service}.{method}", response, Reply[shape])
        if error := answer.error:
            data = error.get("data") or {}
            raise by_name(self.login, str(data.get("name")), str(data.get("message") or error.get("message")))
        if answer.result is None:
            return shaped(self.login.url, asked, None, shape)
        return answer.result


class XmlRpc(_Services):
    """``/xmlrpc/2``: the same services as JSON-RPC with fault codes; slower."""

    _CODES: Mapping[int, str] = {
        2: "odoo.exceptions.UserError",
        3: "odoo.exceptions.AccessDenied",
        4: "odoo.exceptions.AccessError",
    }

    def _service(self, service: str, method: str, arguments: Sequence[Any], shape: Any = Any, asked: str = "") -> Any:
        body = xmlrpc.client.dumps(tuple(arguments), method).encode()
        response = self._post(f"/xmlrpc/2/{service}", body, {"Content-Type": "text/xml"})
        try:
            (answer,), _ = xmlrpc.client.loads(response.content)
        except xmlrpc.client.Fault as fault:
            name = self._CODES.get(fault.faultCode, "")
            lines = str(fault.faultString).strip().splitlines() or [""]
            raise by_name(self.login, name, lines[0] if name else lines[-1]) from None
        except Exception:  # expat and the unmarshaller raise many kinds for a cut answer
            raise Retry(f"{self.login.url} sent XML that cannot be read") from None
        return shaped(self.login.url, asked, answer, shape)


class Json2(Odoo):
    """``/json/2/<model>/<method>``, Odoo 19 and later: an API key, named arguments, real HTTP statuses."""

    def version(self) -> tuple[int, str]:
        """From ``/web/version``; needs no key."""
        answer = self._patiently(self._web_version)
        return _version({"server_version_info": answer.get("version_info"), "server_version": answer.get("version")})

    def _web_version(self) -> dict[str, Any]:
        try:
            response = self._client.http.get(f"{self.login.url}/web/version", timeout=self._timeout)
        except httpx.TransportError as error:
            raise Retry(f"{self.login.url} cannot be reached or broke off: {str(error) or type(error).__name__}") from None
        if response.status_code != httpx.codes.OK:
            raise StopStream(f"{self.login.url} has no JSON-2 API (Odoo 19 and later): choose api jsonrpc")
        found: dict[str, Any] = decoded(self.login.url, "/web/version", response, dict[str, Any])
        return found

    def sign_in(self) -> None:
        """One cheap call with the key, once in this process."""
        key = (self.login.url, self.login.database, self.login.user, hash(self.login.password))
        if key not in _LOGINS:
            self.call("res.users", "context_get")
            _LOGINS[key] = 0

    def _call(self, model: str, method: str, arguments: Mapping[str, Any], shape: Any) -> Any:
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"bearer {self.login.password}",
            "X-Odoo-Database": self.login.database,
        }
        statuses = (200, 400, 401, 403, 404, 422, 500)
        response = self._post(f"/json/2/{model}/{method}", msgspec.json.encode(arguments), headers, statuses)
        if response.status_code == httpx.codes.OK:
            return decoded(self.login.url, f"{model}.{method}", response, shape)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise denied(self.login)
        if "json" not in response.headers.get("content-type", ""):
            if response.status_code == httpx.codes.NOT_FOUND:
                raise StopStream(
                    f"Odoo at {self.login.url} has no database {self.login.database}, or no JSON-2 API (Odoo 19 and later)"
                )
            raise by_status(self.login.url, response)
        answer = decoded(self.login.url, f"{model}.{method}", response, dict[str, Any])
        raise by_name(self.login, str(answer.get("name")), str(answer.get("message")))


APIS: Mapping[str, type[Odoo]] = {"jsonrpc": JsonRpc, "json2": Json2, "xmlrpc": XmlRpc}


def _version(answer: Mapping[str, Any]) -> tuple[int, str]:
    info = answer.get("server_version_info") or [str(answer.get("server_version", "0")).partition(".")[0]]
    digits = "".join(character for character in str(info[0]) if character.isdigit())
    return int(digits or 0), str(answer.get("server_serie") or answer.get("server_version") or "?")
