"""Who asks GitHub: a token, or a GitHub App that makes tokens for one installation."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
import jwt
import msgspec

from connectors.contract import Client, ReconnectNeeded, Retry

RENEW_SECONDS = 300
"""Before its end an installation's token is renewed."""
PROOF_SECONDS = 540
"""How long an App's proof is valid: GitHub takes ten minutes at most."""
_TOKENS: dict[tuple[str, str, int, int], tuple[str, float]] = {}
"""Tokens of installations with their end, by address, App, installation and the key's hash."""
_LOCK = threading.Lock()


class Login(ABC):
    """Gives the token to send."""

    renews: bool = False
    """Whether a token that GitHub refuses may be replaced by a new one."""

    @abstractmethod
    def token(self, client: Client, api_url: str) -> str:
        """The token to use now."""

    def forget(self, token: str) -> None:  # noqa: B027 (nothing to do for a token that nobody can renew)
        """This token was refused."""

    @abstractmethod
    def words(self) -> str:
        """What it is, for people."""


class TokenLogin(Login):
    """A personal access token, classic or fine-grained."""

    def __init__(self, token: str) -> None:
        self._token = token.strip()

    def token(self, client: Client, api_url: str) -> str:
        """The token itself; ReconnectNeeded when there is none."""
        if not self._token:
            raise ReconnectNeeded("There is no token: set the connector's secret token, or app_id with private_key")
        return self._token

    def words(self) -> str:
        """The kind of token."""
        return "token"


class AppLogin(Login):
    """A GitHub App: signs a proof with its private key and changes it for a token of the installation, valid an hour.

    Tokens are kept for the process: GitHub's ETags are good for the token that got them only.
    """

    renews = True

    def __init__(self, app_id: str, installation_id: int, private_key: str) -> None:
        self._app_id, self._installation_id, self._private_key = app_id, installation_id, private_key

    def token(self, client: Client, api_url: str) -> str:
        """The installation's token, made or renewed when needed."""
        key = (api_url, self._app_id, self._installation_id, hash(self._private_key))
        with _LOCK:
            if key not in _TOKENS or time.time() > _TOKENS[key][1] - RENEW_SECONDS:
                _TOKENS[key] = self._make(client, api_url)
            return _TOKENS[key][0]

    def forget(self, token: str) -> None:
        """Make a new one the next time."""
        with _LOCK:
            for key in [key for key, (known, _) in _TOKENS.items() if known == token]:
                del _TOKENS[key]

    def words(self) -> str:
        """The App and its installation."""
        return f"GitHub App {self._app_id}, installation {self._installation_id}"

    def proof(self) -> str:
        """The App's JSON Web Token, RS256."""
        now = int(time.time())
        try:
            return jwt.encode({"iat": now - 60, "exp": now + PROOF_SECONDS, "iss": self._app_id}, self._private_key, "RS256")
        except (jwt.exceptions.PyJWTError, ValueError, TypeError):
            raise ReconnectNeeded(
                "The secret private_key is not a private key in PEM form: paste the whole .pem file that GitHub gave for the App"
            ) from None

    def _make(self, client: Client, api_url: str) -> tuple[str, float]:
        url = f"{api_url}/app/installations/{self._installation_id}/access_tokens"
        headers = {"Authorization": f"Bearer {self.proof()}", "Accept": "application/vnd.github+json"}
        try:
            response = client.http.post(url, headers=headers)
        except httpx.TransportError as error:
            raise Retry(f"{api_url} cannot be reached or broke off: {str(error) or type(error).__name__}") from None
        if response.status_code in (401, 403, 404):
            raise ReconnectNeeded(
                f"GitHub refused {self.words()} (HTTP {response.status_code}): check app_id, installation_id and private_key,"
                " and that the App is still installed"
            )
        if response.status_code != httpx.codes.CREATED:
            raise Retry(f"GitHub gave no token to {self.words()} (HTTP {response.status_code})")
        answer: Mapping[str, Any] = msgspec.json.decode(response.content)
        return str(answer["token"]), datetime.fromisoformat(str(answer["expires_at"])).timestamp()


def login_of(config: Mapping[str, Any], secrets: Mapping[str, str]) -> Login:
    """The App where the config names one, else the token."""
    if config.get("app_id"):
        return AppLogin(str(config["app_id"]), int(config.get("installation_id") or 0), secrets.get("private_key", ""))
    return TokenLogin(secrets.get("token", ""))
