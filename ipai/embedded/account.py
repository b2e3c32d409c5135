"""The account that servers run as. PostgreSQL refuses to run as root, so root hands it to another account.

That account must still reach folders that only root may enter (``mktemp -d``, ``/root``). On Linux ``setpriv`` gives it the
one capability for that (``dac_override``), so that no folder's permissions have to be opened.
"""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipai.embedded.errors import ServiceError

Ids = tuple[int, int]  # user, group


@dataclass(frozen=True)
class Account:
    """``servers`` own and run the server's data, ``keeper`` owns the folders around it; None when we are not root."""

    servers: Ids | None
    keeper: Ids
    prefix: tuple[str, ...] = ()

    @classmethod
    def of(cls, root: Path) -> Account:
        """The account for the home ``root`` (which exists): its owner, or ``nobody`` when root owns it."""
        if os.getuid() != 0:
            return cls(None, (os.getuid(), os.getgid()))
        found = root.stat()
        owner = (found.st_uid, found.st_gid)
        servers = owner if found.st_uid else _nobody()
        prefix = _setpriv(servers)
        return cls(servers, owner if prefix else servers, prefix)

    def own(self, path: Path) -> None:
        """Give a file or folder that we made to the servers."""
        if self.servers is not None:
            os.chown(path, *self.servers)

    def keep(self, path: Path) -> None:
        """Give a file or folder that we made to the owner of the home."""
        if os.getuid() == 0:
            os.chown(path, *self.keeper)

    def own_tree(self, folder: Path) -> None:
        """Take over data that root copied here: everything in it must belong to the servers."""
        if self.servers is None or folder.stat().st_uid == self.servers[0]:
            return
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(os.path.join(parent, name), *self.servers, follow_symlinks=False)
        os.chown(folder, *self.servers)  # last: it marks the tree as done

    def popen(self) -> dict[str, Any]:
        """Arguments for ``subprocess`` where ``setpriv`` is not at hand."""
        if self.servers is None or self.prefix:
            return {}
        return {"user": self.servers[0], "group": self.servers[1], "extra_groups": []}

    def check(self, binary: Path, folder: Path) -> None:
        """``ServiceError`` unless the account can run ``binary`` and write into ``folder``; only root can fail here."""
        if self.servers is None:
            return
        probe = 'test -x "$1" && test -w "$2"'
        command = [*self.prefix, "/bin/sh", "-c", probe, "sh", str(binary), str(folder)]
        if subprocess.run(command, cwd="/", capture_output=True, check=False, **self.popen()).returncode:
            name = _name(self.servers[0])
            raise ServiceError(
                f"running as root, and the account {name}, which PostgreSQL needs, cannot reach {binary} or {folder}:"
                " run as a normal user, or set IPAI_HOME to a folder that everybody can enter"
            )


def _nobody() -> Ids:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ServiceError("running as root, and there is no account nobody to run PostgreSQL: run as a normal user") from None
    return entry.pw_uid % 2**32, entry.pw_gid % 2**32  # macOS writes -2


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


@functools.cache
def _setpriv(ids: Ids) -> tuple[str, ...]:
    """The command prefix that changes to ``ids`` and keeps ``dac_override``, or nothing where that is not possible."""
    program = shutil.which("setpriv")
    if program is None:
        return ()
    prefix = (
        *(program, "--reuid", str(ids[0]), "--regid", str(ids[1]), "--clear-groups"),
        *("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override", "--"),
    )
    tried = subprocess.run([*prefix, "/bin/sh", "-c", ":"], cwd="/", capture_output=True, check=False)
    return () if tried.returncode else prefix
