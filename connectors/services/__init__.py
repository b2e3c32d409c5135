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
from connectors.services.deliveries import due_connectors, forget_deliveries, process_again, process_deliveries
from connectors.services.execution import Watch, execute_run, execute_stream, plan_run
from connectors.services.follow import follow_run
from connectors.services.hooks import rotate_webhook_secret, sweep, takes_webhooks
from connectors.services.runs import cancel_run, dispatch_waiting, queue_run, reap_lost, retry_run

__all__ = [
    "Watch",
    "cancel_run",
    "check_config",
    "check_connector",
    "create_connector",
    "delete_connector",
    "dispatch_waiting",
    "due_connectors",
    "execute_run",
    "execute_stream",
    "follow_run",
    "forget_deliveries",
    "plan_run",
    "process_again",
    "process_deliveries",
    "queue_run",
    "reap_lost",
    "reset_stream",
    "retry_run",
    "rotate_webhook_secret",
    "set_enabled",
    "sweep",
    "takes_webhooks",
    "update_connector",
    "validate_config",
]
