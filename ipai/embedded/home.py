"""Where the embedded services keep what they have: the folders under ``IPAI_HOME``."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from ipai.embedded.account import Account
from ipai.embedded.errors import ServiceError

# The shortest limit on a socket's path is 104 bytes with the closing zero (macOS); ours add "/.s.PGSQL.5432".
LONGEST_SOCKET_FOLDER = 103 - len("/.s.PGSQL.5432")


class Home:
    """The folders and lock files of one ``IPAI_HOME``; nothing is made before ``prepare()``."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()
        self.mark = f"ipai-{digest[:12]}"
        self.run = self.root / "run"
        self.log = self.root / "log"
        self.sockets = self._socket_folder()
        self.start_lock = self.run / "start.lock"
        self.users_lock = self.run / "users.lock"
        self.guard_lock = self.run / "guard.lock"
        self.up_lock = self.run / "up.lock"

    def _socket_folder(self) -> Path:
        """``run`` itself, or a short private folder when the path is too long for a socket: the same in every process."""
        if len(os.fsencode(self.run)) <= LONGEST_SOCKET_FOLDER:
            return self.run
        owner = self.root.stat().st_uid if self.root.exists() else os.getuid()
        return Path("/tmp") / f"ipai-{owner}-{self.mark.removeprefix('ipai-')}"  # noqa: S108  (mode 0700, and its owner is checked)

    def prepare(self) -> None:
        """Make the folders that are missing; ``ServiceError`` when they are somebody else's."""
        if "\n" in str(self.root):
            raise ServiceError("IPAI_HOME must not contain a line break")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            account = Account.of(self.root)
            for folder in {self.run, self.log, self.sockets}:
                self._private(folder, account)
        except OSError as error:
            raise ServiceError(
                f"IPAI_HOME cannot be used: {error.strerror}: {error.filename}; choose another or mend it"
            ) from error

    def _private(self, folder: Path, account: Account) -> None:
        """Make ``folder`` with mode 0700. One that exists must be a real folder that nobody else can enter."""
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.getuid(), account.keeper[0]}:
                raise ServiceError(f"{folder} belongs to another user: choose another IPAI_HOME or remove it") from None
            if stat.S_IMODE(found.st_mode) & 0o077:
                folder.chmod(0o700)
        else:
            account.keep(folder)
