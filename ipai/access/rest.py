"""REST framework's defaults: who asks, what they may, how often. Imports no views: views import this."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from redis.exceptions import RedisError
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

log = logging.getLogger(__name__)


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
    """So many requests in each minute for a token or person (``DEFAULT_THROTTLE_RATES["principal"]``), else by address.

    Counted in the broker, by one atomic step, so that it holds over all web processes. Without the broker nobody is refused.
    """

    scope = "principal"

    def allow_request(self, request: Request, view: APIView) -> bool:
        most, length = self.parse_rate(self.get_rate())
        if most is None or length is None:  # no rate is set
            return True
        now = self.timer()
        window = int(now // length)
        self.left = float((window + 1) * length - now)
        key = f"{self.get_cache_key(request, view)}:{window}"
        try:
            self.cache.add(key, 0, timeout=2 * length)
            return bool(self.cache.incr(key) <= most)
        except (RedisError, ValueError) as error:  # ValueError: the broker has forgotten the key meanwhile
            log.warning("Requests are not counted: %s", type(error).__name__)
            return True

    def wait(self) -> float:
        """Seconds until the next minute."""
        return self.left

    def get_cache_key(self, request: Request, view: APIView) -> str:
        who = request.user.pk if request.user.is_authenticated else self.get_ident(request)
        return f"throttle:{type(request.user).__name__}:{who}"
