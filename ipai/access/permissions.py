"""What each role may do: the one table that the console, the API and the commands ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from ipai.access.models import Role


class Principal(Protocol):
    """A person (``User``) or a program (``TokenPrincipal``)."""

    @property
    def roles(self) -> frozenset[str]: ...


_LOOK = frozenset({"view_connectors", "view_catalog", "view_devops"})
_FIGURES = frozenset({"view_finance"})
_OPERATE = frozenset({"run_connectors", "pause_connectors", "view_run_log"})

ROLE_MAY: Final[Mapping[str, frozenset[str]]] = {
    Role.PLATFORM_ADMIN.value: _LOOK
    | _OPERATE
    | _FIGURES
    | {
        "decide_reconciliation",
        "edit_connectors",
        "view_rejected",
        "view_secrets",
        "edit_secrets",
        "delete_secrets",
        "view_audit",
        "view_people",
        "manage_people",
        "view_metrics",
    },
    Role.DATA_ENGINEER.value: _LOOK
    | _OPERATE
    | _FIGURES
    | {"decide_reconciliation", "edit_connectors", "view_rejected", "view_secrets", "edit_secrets"},
    Role.ANALYTICS_ENGINEER.value: _LOOK | _FIGURES,
    Role.BI_DEVELOPER.value: _LOOK | _FIGURES,
    Role.AI_ENGINEER.value: _LOOK | _FIGURES,
    Role.OPERATOR.value: _LOOK | _OPERATE | {"view_metrics"},
    Role.AUDITOR.value: _LOOK | _FIGURES | {"view_run_log", "view_secrets", "view_audit", "view_people"},
}
"""Role -> actions. Rejected records are bronze rows, so only roles that read bronze see them."""

ROLE_LAYERS: Final[Mapping[str, frozenset[str]]] = {
    Role.PLATFORM_ADMIN.value: frozenset({"bronze", "silver", "gold", "platinum"}),
    Role.DATA_ENGINEER.value: frozenset({"bronze", "silver", "gold", "platinum"}),
    Role.ANALYTICS_ENGINEER.value: frozenset({"silver", "gold"}),
    Role.BI_DEVELOPER.value: frozenset({"gold", "platinum"}),
    Role.AI_ENGINEER.value: frozenset({"gold", "platinum"}),
    Role.OPERATOR.value: frozenset({"gold_devops"}),
    Role.AUDITOR.value: frozenset({"gold"}),
}
"""Role -> layers it reads, as the database enforces them (``ipai_auth.can_read``); ``gold_devops`` is one schema."""

ACTIONS: Final[frozenset[str]] = frozenset().union(*ROLE_MAY.values())


def may(principal: Any, action: str) -> bool:
    """Whether a person or program may do this. Raises ValueError for an action that nobody has: a typing mistake."""
    if action not in ACTIONS:
        raise ValueError(f"there is no action {action!r}; there is {', '.join(sorted(ACTIONS))}")
    if not (getattr(principal, "is_authenticated", False) and getattr(principal, "is_active", True)):
        return False
    return any(action in ROLE_MAY.get(role, ()) for role in principal.roles)


def may_read(principal: Principal, schema: str) -> bool:
    """Whether a person or program reads tables of a medallion schema, e.g. ``ipai_gold_erp``."""
    layer = schema.removeprefix("ipai_")
    wanted = {layer, layer.partition("_")[0]}
    return any(wanted & ROLE_LAYERS.get(role, frozenset()) for role in principal.roles)
