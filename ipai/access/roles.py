"""The seven roles as Django groups, so that the console's own permission checks say what ROLE_MAY says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.apps.registry import Apps

from ipai.access.models import Role
from ipai.access.permissions import ROLE_MAY

READ_RUNS = ("connectors.view_connectorrun", "connectors.view_runstream")

PERMISSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "view_connectors": ("connectors.view_connectorconfig", *READ_RUNS),
    "edit_connectors": ("connectors.add_connectorconfig", "connectors.change_connectorconfig", "connectors.delete_connectorconfig"),
    "run_connectors": ("connectors.view_connectorstate", "connectors.view_loadedpart"),
    "pause_connectors": (),
    "view_run_log": ("connectors.view_runlog",),
    "view_rejected": ("connectors.view_rejectedrecord",),
    "view_catalog": (),
    "view_devops": (),
    "view_secrets": ("vault.view_secret",),
    "edit_secrets": ("vault.add_secret", "vault.change_secret"),
    "delete_secrets": ("vault.delete_secret",),
    "view_audit": ("observability.view_auditlog",),
    "view_people": ("access.view_user", "access.view_tenant", "access.view_apitoken", "auth.view_group"),
    "manage_people": tuple(
        f"access.{verb}_{model}" for verb in ("add", "change", "delete") for model in ("user", "tenant", "apitoken")
    ),
    "view_metrics": (),
    "view_finance": (),
    "decide_reconciliation": (),
}
"""Action -> permissions of the console. An action without any is checked by ``may()`` alone."""


def permissions_of(role: str) -> frozenset[str]:
    """``app.codename`` of every permission that a role's group holds."""
    return frozenset(name for action in ROLE_MAY[role] for name in PERMISSIONS[action])


def sync_roles(app_config: Any, using: str, apps: Apps, **_: Any) -> None:
    """After an app was migrated: give each role's group that app's permissions, and take away what it should not have.

    Groups that people made themselves are left alone. Changes nothing when all is as it should be.
    """
    try:
        group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:  # migrating back to before there were groups
        return
    label = app_config.label
    ours = permission_model.objects.using(using).filter(content_type__app_label=label).select_related("content_type")
    for role in Role.values:
        group, _created = group_model.objects.using(using).get_or_create(name=role)
        wanted_names = permissions_of(role)
        wanted = {permission.pk for permission in ours if f"{label}.{permission.codename}" in wanted_names}
        held = set(group.permissions.filter(content_type__app_label=label).values_list("pk", flat=True))
        group.permissions.add(*(wanted - held))
        group.permissions.remove(*(held - wanted))
