"""Every write to connectors and runs: one function, one transaction, one audit event."""

from connectors.services.configs import (
    check_config,
    check_connector,
    create_connector,
    delete_connector,
    reset_stream,
    set_enabled,
    update_connector,
    validate_config,
)
from connectors.services.execution import Watch, execute_run, execute_stream, plan_run
from connectors.services.follow import follow_run
from connectors.services.runs import cancel_run, dispatch_waiting, queue_run, reap_lost, retry_run

__all__ = [
    "Watch",
    "cancel_run",
    "check_config",
    "check_connector",
    "create_connector",
    "delete_connector",
    "dispatch_waiting",
    "execute_run",
    "execute_stream",
    "follow_run",
    "plan_run",
    "queue_run",
    "reap_lost",
    "reset_stream",
    "retry_run",
    "set_enabled",
    "update_connector",
    "validate_config",
]
