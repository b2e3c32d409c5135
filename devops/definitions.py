"""What each figure means, in the words that the API hands out and ``docs/devops.md`` explains."""

from __future__ import annotations

from typing import Final

DEFINITIONS: Final[dict[str, str]] = {
    "window": "from the first commit of the default branch to now (as_of); months are UTC calendar months",
    "percentile": "nearest rank: the smallest value that at least that share of the values do not exceed; null without values",
    "production": "the environment is production or prod, in any case",
    "successful_deployment": "any of its statuses is success, whatever came later; its time is that of the first success",
    "deployment_frequency": "successful production deployments per day, of the window or of the part of the month inside it",
    "change": "a commit of a merged pull request by its original sha, or a commit with one parent on the default branch that no"
    " merged pull request brought",
    "change_lead_time": "from the author's date of a change to the first successful production deployment whose commit is, or"
    " descends from, the change or what landed of it; median; in the month of that deployment",
    "landed": "merge: the commit itself; squash: the merge commit; rebase: the commit in the same place of the first-parent line,"
    " known by equal messages",
    "lead_time_coverage": "deployed changes / all changes; by month: of the changes authored in it",
    "failed_change": "a successful production deployment that an issue labelled incident names in its body, or that the next"
    " successful production deployment rolls back (its commit is a strict ancestor)",
    "change_fail_rate": "failed changes / successful production deployments; in the month of the deployment's success",
    "failed_deployment_recovery_time": "from the failed change's success until the first incident that names it was closed, or,"
    " without an incident, until the success of the deployment that rolled it back; median of those that recovered",
    "deployment_rework_rate": "unplanned repairs / successful production deployments; a repair's payload has kind hotfix or"
    " rollback, its ref begins with hotfix/, or its commit is a strict ancestor of the one deployed before it",
}
