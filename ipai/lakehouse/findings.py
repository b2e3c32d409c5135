"""What an audit finds, and where it looks."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ipai.lakehouse.tables import SCHEMAS

EXPOSED = ("public", *SCHEMAS)
"""The schemas whose tables people, programs or Supabase's API may reach."""
OUTSIDERS = ("ipai_user", "anon", "authenticated")
"""Roles that anybody can get; those that do not exist are left out by the checks."""

Level = Literal["error", "warning"]


class Finding(NamedTuple):
    """One thing that is wrong: with what, why it matters, and how to repair it."""

    level: Level
    object: str
    problem: str
    repair: str
