"""The performance levels of DORA's reports for the metrics that have published thresholds.

Source: Accelerate State of DevOps Report 2023 (dora.dev/research/2023/dora-report), table of clusters. Later reports give no
levels that rise with each metric, and none gives any for the rework rate.
"""

from __future__ import annotations

from typing import Any, Final

HOUR, DAY = 3600, 86400
LEVELS: Final = ("elite", "high", "medium", "low")
AT_MOST: Final[dict[str, tuple[float, float, float]]] = {
    "change_lead_time_s": (DAY, 7 * DAY, 30 * DAY),
    "change_fail_rate": (0.05, 0.10, 0.15),
    "failed_deployment_recovery_s": (HOUR, DAY, 7 * DAY),
}
"""Metric -> the most that is elite, high and medium."""
AT_LEAST: Final = (1.0, 1 / 7, 1 / 30)
"""Deployments a day that are elite, high and medium."""


def level(metric: str, value: Any) -> str | None:
    """The level of a value; None where there is no value, or no published threshold for the metric."""
    if value is None:
        return None
    if metric == "deployment_frequency":
        return next((name for name, least in zip(LEVELS, AT_LEAST, strict=False) if value >= least), "low")
    if metric not in AT_MOST:
        return None
    return next((name for name, most in zip(LEVELS, AT_MOST[metric], strict=False) if value <= most), "low")
