"""Every write to tenants, people and tokens: one function, one transaction, one audit event."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from ipai.access.errors import AccessError
from ipai.access.models import DEFAULT_TENANT, ApiToken, Role, Tenant, User
from ipai.access.signals import access_changed
from ipai.access.tokens import new_token

FIRST_ADMIN = "admin"
ADMIN_LOCK = 0x69706169  # "ipai": held by whoever makes the first administrator, or takes one away
IS_ADMIN = models.Q(is_superuser=True) | models.Q(groups__name=Role.PLATFORM_ADMIN)


def create_tenant(slug: str, name: str = "", *, actor_name: str) -> Tenant:
    """A tenant. Raises AccessError (a bad slug, or one that is taken)."""
    tenant = Tenant(slug=slug, name=name or slug)
    with transaction.atomic():
        _save(tenant)
        _tell("tenant", tenant.id, "created", {"slug": slug}, actor_name, tenant)
    return tenant


@sensitive_variables("password")
def create_person(
    username: str,
    *,
    actor_name: str,
    roles: Iterable[str] = (),
    tenant: Tenant | None = None,
    password: str | None = None,
    email: str = "",
    is_superuser: bool = False,
) -> User:
    """A person. Whoever holds a role may log in to the console. Without a password nobody can log in. Raises AccessError."""
    held = checked_roles(roles)
    person = User(username=username, email=email, is_superuser=is_superuser, is_staff=bool(held) or is_superuser)
    person.tenant = tenant or Tenant.objects.get(slug=DEFAULT_TENANT)
    person.set_password(_checked_password(password, person))
    with transaction.atomic():
        _save(person)
        person.groups.set(Group.objects.filter(name__in=held))
        details = {"username": username, "roles": held, "superuser": is_superuser}
        _tell("person", person.pk, "created", details, actor_name, person.tenant)
    return person


def set_roles(person: User, roles: Iterable[str], *, actor_name: str) -> User:
    """Replace a person's roles; other groups stay. Without any role they can no longer open the console.

    Raises AccessError for an unknown role, and rather than leave the tenant without an active platform admin.
    """
    held = checked_roles(roles)
    with transaction.atomic():
        if Role.PLATFORM_ADMIN.value not in held and not person.is_superuser:
            _keep_an_admin(person, "roles")
        before = sorted(person.groups.filter(name__in=Role.values).values_list("name", flat=True))
        person.groups.remove(*Group.objects.filter(name__in=set(before) - set(held)))
        person.groups.add(*Group.objects.filter(name__in=held))
        person.is_staff = bool(held) or person.is_superuser
        person.save(update_fields=["is_staff"])
        if before != held:
            _tell("person", person.pk, "roles changed", {"changed": {"roles": [before, held]}}, actor_name, person.tenant)
    return person


@sensitive_variables("password")
def change_person(person: User, *, actor_name: str, roles: Iterable[str], email: str, is_active: bool, password: str = "") -> User:
    """Change a person; an empty password stays as it is. Raises AccessError, and then nothing is changed."""
    checked = _checked_password(password, person) if password else None
    with transaction.atomic():
        if person.is_active and not is_active:
            _keep_an_admin(person, "is_active")
        changed = {
            name: [getattr(person, name), value]
            for name, value in (("email", email), ("is_active", is_active))
            if getattr(person, name) != value
        }
        person.email, person.is_active = email, is_active
        if checked:
            person.set_password(checked)
        person.save(update_fields=["email", "is_active", "password"])
        set_roles(person, roles, actor_name=actor_name)
        if changed or checked:
            details = {"changed": changed, "password_set": bool(checked)}
            _tell("person", person.pk, "changed", details, actor_name, person.tenant)
    return person


def create_token(
    *, tenant: Tenant, name: str, roles: Iterable[str], actor_name: str, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """A program's token and its text, which is kept nowhere and shown this once. Raises AccessError."""
    held = checked_roles(roles)
    if not held:
        raise AccessError({"roles": f"A token needs a role: {', '.join(Role.values)}"})
    if expires_at is not None and expires_at <= timezone.now():
        raise AccessError({"expires_at": "This time is past"})
    plain, digest, prefix = new_token()
    token = ApiToken(tenant=tenant, name=name, roles=held, token_hash=digest, prefix=prefix, expires_at=expires_at)
    with transaction.atomic():
        _save(token)
        _tell("token", token.id, "created", {"name": name, "roles": held, "expires_at": expires_at}, actor_name, tenant)
    return token, plain


def revoke_token(token: ApiToken, *, actor_name: str) -> ApiToken:
    """Make a token useless from now on; doing it twice changes nothing."""
    with transaction.atomic():
        token = ApiToken.objects.select_for_update().select_related("tenant").get(pk=token.pk)
        if token.revoked_at is None:
            token.revoked_at = timezone.now()
            token.save(update_fields=["revoked_at"])
            _tell("token", token.id, "revoked", {"name": token.name}, actor_name, token.tenant)
    return token


@sensitive_variables("password")
def ensure_admin() -> tuple[User, str | None]:
    """The first administrator and, when this call made them, their password (kept nowhere)."""
    with transaction.atomic():
        _lock_admins()
        existing = User.objects.filter(IS_ADMIN, is_active=True).order_by("pk").first()
        if existing:
            return existing, None
        password = secrets.token_urlsafe(15)
        roles = [Role.PLATFORM_ADMIN.value]
        person = create_person(FIRST_ADMIN, actor_name="portal", roles=roles, password=password, is_superuser=True)
    return person, password


def checked_roles(roles: Iterable[str]) -> list[str]:
    """The roles, sorted, each once. Raises AccessError for one that does not exist."""
    held = sorted(set(roles))
    unknown = [role for role in held if role not in Role.values]
    if unknown:
        raise AccessError({"roles": f"There is no role {', '.join(unknown)}; there is {', '.join(Role.values)}"})
    return held


def _lock_admins() -> None:
    """Hold until the commit: who is an administrator does not change meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADMIN_LOCK])


def _keep_an_admin(person: User, field: str) -> None:
    """Raise AccessError when this person is the last active platform admin of their tenant."""
    _lock_admins()
    admins = User.objects.filter(IS_ADMIN, is_active=True, tenant=person.tenant)
    if admins.filter(pk=person.pk).exists() and not admins.exclude(pk=person.pk).exists():
        reason = f"{person.username} is the last active platform admin of {person.tenant}: make somebody else one first"
        raise AccessError({field: reason})


@sensitive_variables()
def _checked_password(password: str | None, person: User) -> str | None:
    if password is not None:
        try:
            validate_password(password, person)
        except ValidationError as error:
            raise AccessError({"password": " ".join(error.messages)}) from None
    return password


def _save(thing: models.Model) -> None:
    try:
        thing.full_clean(exclude=["password"])
    except ValidationError as error:
        # "__all__": a constraint over several fields, which here is always the name within the tenant
        found = {("name" if name == "__all__" else name): " ".join(messages) for name, messages in error.message_dict.items()}
        raise AccessError(found) from None
    thing.save()


def _tell(entity_type: str, entity_id: object, action: str, details: dict[str, object], actor_name: str, tenant: Tenant) -> None:
    what = {"entity_type": entity_type, "entity_id": str(entity_id), "action": action, "details": details}
    access_changed.send(sender=Tenant, actor_name=actor_name, tenant=tenant, **what)
