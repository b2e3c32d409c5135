"""Whom a connector signs in as, and what an Odoo server's refusals mean."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from connectors.contract import ReconnectNeeded, Retry, SourceError, StopStream

BUSY = (408, 425, 429, 500, 502, 503, 504)
PASSING = frozenset(
    {
        "SerializationFailure",
        "DeadlockDetected",
        "LockNotAvailable",
        "QueryCanceled",
        "AdminShutdown",
        "CrashShutdown",
        "CannotConnectNow",
        "TooManyConnections",
        "ConnectionFailure",
        "TransactionRollbackError",
    }
)
"""Errors of Odoo's database that another try may not meet."""


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

    @property
    def who(self) -> str:
        """The user for messages. A login that equals the password is not named: it would be masked in each of them."""
        if not self.user:
            return "the API key's user"
        return "the Odoo user" if self.user == self.password else f"Odoo user {self.user}"


def denied(login: Login) -> ReconnectNeeded:
    """The credentials do not work."""
    who = "the API key" if not login.user else "the user" if login.user == login.password else f"user {login.user}"
    return ReconnectNeeded(
        f"Odoo at {login.url} refused {who}: wrong password or an expired API key; set the connector's secret again"
    )


def by_status(url: str, response: httpx.Response) -> SourceError:
    """The error that an HTTP status means."""
    status = response.status_code
    if status in BUSY:
        after = response.headers.get("retry-after", "")
        return Retry(f"{url} answered HTTP {status}", float(after) if after.isdigit() else None)
    if response.is_redirect:
        return StopStream(f"{url} redirects to {response.headers.get('location', '?')}: use that address")
    return StopStream(f"{url} answered HTTP {status}: is it the address of an Odoo server?")


def by_name(login: Login, name: str, message: str) -> SourceError:
    """The error that an exception of Odoo's means. Its first line is passed on whole: it is cut once secrets are out of it."""
    kind = name.rpartition(".")[2]
    line = next((part.strip() for part in message.splitlines() if part.strip()), kind)
    if kind in ("AccessDenied", "Unauthorized"):
        return denied(login)
    if kind in ("AccessError", "Forbidden"):
        return Refused(line)
    if kind in ("KeyError", "NotFound", "UserError", "AttributeError"):
        return Unknown(line)
    if kind in ("OperationalError", "InterfaceError"):
        return Retry(f"Odoo at {login.url} cannot use its database {login.database}: does it exist, and is it up?")
    if name.startswith("psycopg2."):
        text = f"The database of Odoo at {login.url} refused: {line}"
        return Retry(text) if kind in PASSING else Failed(text)
    return Failed(f"Odoo says: {line}")
