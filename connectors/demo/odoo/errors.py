"""What Odoo raises, by the names that its protocols carry."""

from __future__ import annotations

from typing import Any


class OdooError(Exception):
    """``name`` is error.data.name in JSON-RPC; ``fault`` the code of XML-RPC; ``status`` the HTTP status of JSON-2."""

    name = "builtins.ValueError"
    fault = 1
    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def debug(self) -> str:
        """The text that stands where Odoo gives its traceback."""
        name = self.name.removeprefix("builtins.")
        return (
            f'Traceback (most recent call last):\n  File "/opt/odoo/odoo/http.py", line 1963, in dispatch\n{name}: {self.message}\n'
        )

    def data(self, *more: Any) -> dict[str, Any]:
        """The body that JSON-RPC puts under ``error.data`` and JSON-2 at the top."""
        return {
            "name": self.name,
            "debug": self.debug,
            "message": self.message,
            "arguments": [self.message, *more],
            "context": {},
        }


class InvalidValue(OdooError):
    """A domain, field or order that the model does not know."""


class InvalidArguments(OdooError):
    name = "builtins.TypeError"


class InvalidTimestamp(OdooError):
    name = "psycopg2.errors.InvalidDatetimeFormat"


class UnknownMethod(OdooError):
    name = "builtins.AttributeError"
    status = 404


class UnknownDatabase(OdooError):
    name = "psycopg2.OperationalError"
    status = 404

    def __init__(self, database: str) -> None:
        super().__init__(f'connection to server at "127.0.0.1", port 5432 failed: FATAL:  database "{database}" does not exist\n')


class UserError(OdooError):
    name = "odoo.exceptions.UserError"
    fault = 2
    status = 422


class UnknownModel(UserError):
    status = 404

    def __init__(self, model: str) -> None:
        super().__init__(f"Object {model} doesn't exist")
        self.model = model


class AccessDenied(OdooError):
    name = "odoo.exceptions.AccessDenied"
    fault = 3
    status = 401

    def __init__(self) -> None:
        super().__init__("Access Denied")


class AccessError(OdooError):
    name = "odoo.exceptions.AccessError"
    fault = 4
    status = 403
