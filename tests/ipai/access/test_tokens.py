"""API tokens: random, hashed, bound to a tenant; useless once expired or revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from ipai.access import services
from ipai.access.errors import AccessError
from ipai.access.models import ApiToken
from ipai.access.tokens import authenticate
from ipai.observability.models import AuditLog

pytestmark = pytest.mark.django_db


def make(tenant: Any, **more: Any) -> tuple[ApiToken, str]:
    return services.create_token(**{"tenant": tenant, "name": "bi", "roles": ["bi_developer"], "actor_name": "tester", **more})


def test_the_text_is_kept_nowhere(tenant: Any, rows: Any) -> None:
    token, plain = make(tenant)
    assert authenticate(plain) == token
    assert plain not in str(rows("SELECT t::text FROM ipai_api_token t UNION ALL SELECT a::text FROM ipai_audit_log a"))
    assert plain.startswith(token.prefix)
    assert len(plain) - len(token.prefix) > 35


NOT_TOKENS = ["", "ipai_", "ipai_" + "a" * 43, "ipai_" + "a" * 44, "x" * 48, "ipai_" + "ä" * 43, "ipai_" + "a" * 42 + "\n"]


@pytest.mark.parametrize("text", NOT_TOKENS)
def test_what_is_no_token(text: str) -> None:
    assert authenticate(text) is None


def test_case_and_ends_matter(tenant: Any) -> None:
    _, plain = make(tenant)
    for other in (plain.upper(), plain[:-1], plain + "a", plain.swapcase()):
        assert authenticate(other) is None


def test_expiry_and_revocation(tenant: Any) -> None:
    token, plain = make(tenant, expires_at=timezone.now() + timedelta(hours=1))
    assert authenticate(plain)
    ApiToken.objects.update(expires_at=timezone.now())
    assert authenticate(plain) is None
    ApiToken.objects.update(expires_at=None)
    assert authenticate(plain)
    for _ in range(2):
        services.revoke_token(token, actor_name="tester")
    assert authenticate(plain) is None
    assert AuditLog.objects.filter(entity_type="token", entity_id=str(token.pk)).count() == 2


def test_use_is_noted_at_most_once_a_minute(tenant: Any, django_assert_num_queries: Any) -> None:
    token, plain = make(tenant)
    authenticate(plain)
    token.refresh_from_db()
    assert token.last_used_at is not None
    with django_assert_num_queries(1):
        authenticate(plain)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"roles": []}, "roles"),
        ({"roles": ["emperor"]}, "roles"),
        ({"name": ""}, "name"),
        ({"expires_at": timezone.now()}, "expires_at"),
    ],
)
def test_what_is_refused(tenant: Any, more: dict[str, Any], field: str) -> None:
    with pytest.raises(AccessError) as caught:
        make(tenant, **more)
    assert field in caught.value.fields


def test_a_name_is_taken_once_in_a_tenant(tenant: Any) -> None:
    make(tenant)
    with pytest.raises(AccessError):
        make(tenant)
    make(services.create_tenant("other", actor_name="tester"))
