"""Secrets: kept encrypted, bound to their tenant and name, opened by any of the keys."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from ipai.observability.models import AuditLog
from ipai.vault import services
from ipai.vault.errors import SecretInvalid, SecretMissing, SecretUnreadable
from ipai.vault.models import Secret
from ipai.vault.queries import secrets_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def put(tenant: Any) -> Any:
    return lambda name, value: services.set_secret(tenant.pk, name, value, "tester")


@pytest.mark.parametrize("value", ["x", "päss wörd\n\nline 2\n", "\x00\t", "💥" * 1000, "x" * services.LONGEST_VALUE])
def test_what_goes_in_comes_out(tenant: Any, put: Any, value: str) -> None:
    put("a/b", value)
    assert services.reveal(tenant.pk, ["a/b"]) == {"a/b": value}
    stored = bytes(Secret.objects.get().ciphertext)
    assert len(value) < 4 or value.encode() not in stored


@pytest.mark.parametrize("value", ["", "x" * (services.LONGEST_VALUE + 1), "\ud800"])
def test_values_that_are_refused(put: Any, value: str) -> None:
    with pytest.raises(SecretInvalid) as caught:
        put("a", value)
    assert "a" in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["", "/a", ".a", "a b", "a\n", "ä", "a" * 201])
def test_names_that_are_refused(put: Any, name: str) -> None:
    with pytest.raises(SecretInvalid):
        put(name, "value")


def test_setting_again_replaces(tenant: Any, put: Any) -> None:
    first = put("a", "one")
    second = put("a", "two")
    assert (second.pk, services.reveal(tenant.pk, ["a"])) == (first.pk, {"a": "two"})
    assert second.set_at > first.set_at
    events = AuditLog.objects.filter(event_type="secret").values_list("action", "entity_id", "actor")
    assert list(events.order_by("-id")[:2]) == [("set", "a", "tester")] * 2


def test_use_is_noted(tenant: Any, put: Any) -> None:
    put("a", "one")
    assert secrets_for(tenant).get().last_used_at is None
    services.reveal(tenant.pk, ["a"])
    assert secrets_for(tenant).get().last_used_at is not None


def test_a_missing_secret_is_named(tenant: Any, put: Any) -> None:
    put("a", "one")
    with pytest.raises(SecretMissing, match="b"):
        services.reveal(tenant.pk, ["a", "b"])
    with pytest.raises(SecretMissing, match="b"):
        services.delete_secret(tenant.pk, "b", "tester")


def test_another_tenant_has_other_secrets(tenant: Any, put: Any) -> None:
    from ipai.access.services import create_tenant

    other = create_tenant("other", actor_name="tester")
    put("a", "one")
    with pytest.raises(SecretMissing):
        services.reveal(other.pk, ["a"])
    assert services.delete_secrets(other.pk, ["a"]) == 0
    assert services.delete_secrets(tenant.pk, ["a", "b"]) == 1


def test_keys_rotate(tenant: Any, put: Any, settings: Any) -> None:
    put("a", "one")
    old, new = settings.IPAI_VAULT_KEYS[0], Fernet.generate_key().decode()
    settings.IPAI_VAULT_KEYS = (new, old)
    put("b", "two")
    assert services.reveal(tenant.pk, ["a", "b"]) == {"a": "one", "b": "two"}
    assert services.rewrap_all() == 2
    settings.IPAI_VAULT_KEYS = (new,)
    assert services.reveal(tenant.pk, ["a", "b"]) == {"a": "one", "b": "two"}
    settings.IPAI_VAULT_KEYS = (old,)
    with pytest.raises(SecretUnreadable, match="a"):
        services.reveal(tenant.pk, ["a"])


def test_rewrapping_is_all_or_nothing(tenant: Any, put: Any, settings: Any) -> None:
    put("a", "one")
    before = bytes(Secret.objects.get(name="a").ciphertext)
    settings.IPAI_VAULT_KEYS = (Fernet.generate_key().decode(), *settings.IPAI_VAULT_KEYS)
    lost = put("b", "two")
    Secret.objects.filter(pk=lost.pk).update(ciphertext=Fernet(Fernet.generate_key()).encrypt(b"x"))
    with pytest.raises(SecretUnreadable, match="b"):
        services.rewrap_all()
    assert bytes(Secret.objects.get(name="a").ciphertext) == before


def test_a_ciphertext_moved_to_another_name_does_not_open(tenant: Any, put: Any) -> None:
    stolen = put("production", "one").ciphertext
    put("mine", "two")
    Secret.objects.filter(name="mine").update(ciphertext=stolen)
    with pytest.raises(SecretUnreadable, match="mine"):
        services.reveal(tenant.pk, ["mine"])


def test_nothing_prints_a_value(put: Any) -> None:
    secret = put("a", "very secret value")
    assert "very secret value" not in f"{secret} {secret!r} {vars(secret)}"
