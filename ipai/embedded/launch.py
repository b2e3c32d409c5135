"""Starting processes that outlive us."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from ipai.embedded.account import Account
from ipai.embedded.errors import ServiceError

LARGEST_LOG = 10_000_000  # bytes; a larger one is put aside when its server starts


def server_environment() -> dict[str, str]:
    """Nothing of ours reaches a server: no PG* variable, no locale, no secret."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def launch(command: Sequence[str], *, log: Path, keep: int, environment: dict[str, str], account: Account | None = None) -> None:
    """Run ``command`` detached: own session, nobody's child, output to ``log``, the descriptor ``keep`` open in it.

    The shell in between ends at once, so that a dead server is never left as a zombie of a Django process.
    """
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_name(f"{log.name}.1"))
    prefix = account.prefix if account else ()
    with log.open("ab") as output:
        if account:
            account.keep(log)
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(keep,),
            cwd="/",
            umask=0o077,
            env=environment,
            check=True,
            **(account.popen() if account else {}),
        )


def run(command: Sequence[str], *, account: Account, keep: int, text: str = "") -> None:
    """Run ``command`` to its end as the servers' account, the descriptor ``keep`` open in it.

    ``ServiceError`` with its last line when it fails.
    """
    done = subprocess.run(
        [*account.prefix, *command],
        input=text,
        capture_output=True,
        pass_fds=(keep,),
        encoding="utf-8",
        errors="replace",
        cwd="/",
        umask=0o077,
        env=server_environment(),
        check=False,
        **account.popen(),
    )
    if done.returncode:
        raise ServiceError(f"{Path(command[0]).name} failed: {last_line((done.stderr or done.stdout).splitlines())}")


def last_line(lines: Iterable[str]) -> str:
    """The last line that names an error, or else the last one that is not empty."""
    filled = [line.strip() for line in lines if line.strip()]
    errors = [line for line in filled if any(word in line for word in ("FATAL", "PANIC", "ERROR", "error:", "rror "))]
    return (errors or filled or ["no message"])[-1]


def processes_with(mark: str) -> list[int]:
    """Numbers of the processes whose title has ``mark``, by ``ps``; none where there is no ``ps``."""
    try:
        listed = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, check=False).stdout
    except FileNotFoundError:
        return []
    lines = (line.split(None, 1) for line in listed.decode(errors="replace").splitlines() if mark in line)
    return [int(parts[0]) for parts in lines]
