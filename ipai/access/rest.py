"""REST framework's defaults: who asks, what they may, how often. Imports no views: views import this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from ipai.access.models import ApiToken
from ipai.access.permissions import may
from ipai.access.tokens import TokenPrincipal, authenticate

if TYPE_CHECKING:
    from rest_framework.views import APIView


class TokenAuthentication(BaseAuthentication):
    """REST authentication by API token. A bad token is 401, never taken for no token."""

    def authenticate(self, request: Request) -> tuple[TokenPrincipal, ApiToken] | None:
        scheme, _, plain = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = authenticate(plain.strip())
        if token is None:
            raise AuthenticationFailed("This token is unknown, revoked or expired; make one with: manage.py createtoken")
        return TokenPrincipal(token), token

    def authenticate_header(self, request: Any) -> str:
        """The WWW-Authenticate header of a 401."""
        return 'Bearer realm="ipai"'


class MayAct(BasePermission):
    """REST permission: the view's ``needs`` maps its action (or lower-case method) to a name of :data:`ROLE_MAY`.

    What a view does not name is refused. ``needs`` may also be one name for everything.
    """

    def has_permission(self, request: HttpRequest, view: Any) -> bool:
        needs: str | Mapping[str, str] = view.needs
        if isinstance(needs, str):
            return may(request.user, needs)
        doing = getattr(view, "action", (request.method or "").lower())
        if doing in (None, "metadata", "options"):  # None: a method that the viewset lacks, which becomes 405
            return bool(request.user.is_authenticated)
        return doing in needs and may(request.user, needs[doing])


class PrincipalThrottle(SimpleRateThrottle):
    """So many requests a minute for each token or person (``DEFAULT_THROTTLE_RATES["principal"]``), else by address."""

    scope = "principal"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        who = request.user.pk if request.user.is_authenticated else self.get_ident(request)
        return f"throttle:{type(request.user).__name__}:{who}"
