"""A process that must not outlive its parent."""

from __future__ import annotations

import os
import signal
import threading
import time

LOOK_SECONDS = 0.5
LAST_SECONDS = 8.0  # to end in an orderly way


def exit_with_parent() -> None:
    """Watch from a thread: when the parent has died, SIGTERM this process, and end it hard 8 s later.

    A thread does not survive a fork: call it in each process that is to have it.
    """
    parent = os.getppid()
    if os.getpgrp() == os.getpid():
        # A direct child of the supervisor, which may have died while we were importing.
        parent = int(os.environ.get("IPAI_SUPERVISOR_PID", parent))
    threading.Thread(target=_watch, args=(parent,), name="exit-with-parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SECONDS)
    os._exit(1)
