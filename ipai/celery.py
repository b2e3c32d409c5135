"""The Celery application: workers and beat. Tasks are found in each app's ``tasks.py``."""

from __future__ import annotations

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, before_task_publish, celeryd_init, setup_logging, worker_process_init
from django.conf import settings
from django.utils.log import configure_logging

from ipai.embedded.orphans import exit_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ipai.settings")
app = Celery("ipai")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

if os.environ.get("IPAI_SUPERVISED") == "1":
    exit_with_parent()


@celeryd_init.connect
@beat_init.connect
@before_task_publish.connect
def start_embedded_broker(**_: Any) -> None:
    """A worker, beat or sender on its own starts the embedded broker; quick when it runs."""
    if settings.IPAI_EMBEDDED_BROKER and settings.IPAI_SERVICES:
        settings.IPAI_SERVICES.ensure_broker()


@setup_logging.connect
def keep_django_logging(**_: Any) -> None:
    """Log as settings.LOGGING says; beat's and the tracer's line for every task every two seconds is noise."""
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    for noisy in ("celery.beat", "celery.app.trace", "celery.worker.strategy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


@worker_process_init.connect
def vanish_with_worker(**_: Any) -> None:
    """A pool process whose worker was killed must not go on alone."""
    exit_with_parent()
