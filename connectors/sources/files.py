"""Files: a local path or glob, an https URL, or an S3-compatible bucket, into one bronze table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pyarrow as pa

from connectors.contract import (
    Check,
    Client,
    Cursor,
    Emitted,
    Gone,
    Part,
    Rejected,
    SecretField,
    Source,
    SourceError,
    StopStream,
    Stream,
)
from connectors.engine.names import META
from connectors.formats import MAX_BYTES, FormatOptions, FormatResult, describe, members, read_file
from connectors.formats.text import text_encoding
from connectors.sources import _files_schema
from connectors.storage import BucketPlace, Item, LocalPlace, Place, Snapshot, UrlPlace, Vanished

SCHEMA = "ipai_bronze_core"
BUCKET_RULE = "[A-Za-z0-9._-]{1,255}"
LARGEST_LOOK = 64 << 20
"""``check`` looks into a remote file up to this size."""


class FilesSource(Source):
    """One connector loads one table from the files at one place."""

    key = "files"
    label = "Files"
    description = "CSV, JSON, JSON Lines and Parquet files from a folder, an https address or an S3-compatible bucket."
    config_schema: ClassVar[Mapping[str, Any]] = _files_schema.CONFIG
    secrets = (
        SecretField("access_key", "Access key of the bucket"),
        SecretField("secret_key", "Secret key of the bucket"),
        SecretField("token", "Bearer token for the https address"),
    )

    def streams(self, client: Client) -> Sequence[Stream]:
        """The one stream, named as its table."""
        return [FilesStream(self.config, self.secret)]

    def check(self, client: Client) -> Iterator[Check]:
        """The place, what matches, and what the first file looks like."""
        try:
            stream = FilesStream(self.config, self.secret)
            place = stream.place(client)
            items = place.items()
        except SourceError as error:
            yield Check("Place", False, str(error))
            return
        said = "".join(f"; passed over: {line}" for line in place.passed_over)
        if not items:
            yield Check("Place", False, f"No file matches {place.label}{said}")
            return
        yield Check("Place", True, _summary(place, items) + said)
        yield _look(stream, place, items[0], client)

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Mapping[str, str]:
        """Exactly one place; merge needs a key; options that fit together."""
        problems: dict[str, str] = {}
        given = [name for name in ("path", "url", "bucket") if config.get(name)]
        if len(given) != 1:
            problems[given[1] if given else "path"] = "Give exactly one of path, url and bucket."
        host = str(config.get("url") or "").partition("://")[2].partition("/")[0]
        if "@" in host:
            problems["url"] = "Take the user name and password out of the address and use the secret token."
        problems |= _key_problem(config)
        for name in ("prefix", "endpoint", "region"):
            if config.get(name) and not config.get("bucket"):
                problems[name] = f"{name} goes with bucket."
        if config.get("delimiter") and config.get("delimiter") == config.get("quote", '"'):
            problems["quote"] = "Delimiter and quote must differ."
        if config.get("bucket") and not re.fullmatch(BUCKET_RULE, str(config["bucket"])):
            problems["bucket"] = "A bucket's name has letters, digits, dots, - and _ only; what follows a / is the prefix."
        if config.get("encoding"):
            try:
                text_encoding(str(config["encoding"]))
            except ValueError as error:
                problems["encoding"] = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return problems


def _key_problem(config: Mapping[str, Any]) -> Mapping[str, str]:
    """What is wrong with the primary key as it is written, if anything."""
    key = primary_key_of(config)
    folded = [name.casefold() for name in key]
    ours = [name for name in key if name.casefold() in META]
    if config.get("write_mode") == "merge" and not key:
        return {"primary_key": "Write mode merge needs the primary key: the column or columns that identify a row."}
    if ours:
        return {"primary_key": f"{ours[0]} is a column of the portal; a column of that name in a file is named {ours[0]}_2"}
    if len(set(folded)) < len(key):
        return {"primary_key": f"{next(name for name in key if folded.count(name.casefold()) > 1)} is named twice"}
    return {}


def primary_key_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of the key: a list, or one string with commas between names."""
    value = config.get("primary_key") or ()
    names = value.split(",") if isinstance(value, str) else value
    return tuple(name.strip() for name in names if name.strip())


class FilesStream(Stream):
    """Each file is a part; a zip gives one part per member, named ``file.zip/member``."""

    def __init__(self, config: Mapping[str, Any], secret: Mapping[str, str]) -> None:
        self._config, self._secret = config, secret
        self.name = str(config.get("table", ""))
        if not re.fullmatch(_files_schema.TABLE_RULE, self.name):
            raise StopStream(f"{self.name!r} is not a table name: use lower-case letters, digits and _, a letter first, 63 at most")
        self.target = f"{SCHEMA}.{self.name}"
        self.primary_key = primary_key_of(config)
        self.write_mode = config.get("write_mode") or ("merge" if self.primary_key else "replace")
        self.schema_policy = config.get("schema_policy") or "evolve"
        self.options = FormatOptions(
            format=config.get("format") or None,
            compression=config.get("compression") or None,
            encoding=config.get("encoding") or None,
            delimiter=config.get("delimiter") or None,
            quote=config.get("quote") or None,
            escape=config.get("escape") or None,
            header=config.get("header", True),
            null_values=tuple(config.get("null_values", ("",))),
            max_bytes=config.get("max_bytes") or MAX_BYTES,
        )

    def place(self, client: Client) -> Place:
        """Where the files are."""
        if self._config.get("url"):
            return UrlPlace(str(self._config["url"]), client, self._secret.get("token"), self.options.max_bytes)
        if self._config.get("bucket"):
            return BucketPlace(self._config, self._secret, client, self.options.max_bytes)
        return LocalPlace(str(self._config.get("path", "")), client.files_roots)

    def read(self, client: Client, since: Cursor | None) -> Iterator[Emitted]:
        """Parts in name order, without those that were loaded in this version; then what is gone."""
        loaded: dict[str, Any] = since or {}
        place = self.place(client)
        present: set[str] = set()
        found = 0
        items = place.items()
        for line in place.passed_over:
            client.log.warning("%s; it is passed over", line)
        for item in items:
            if client.stopping():
                return
            earlier = {name: cursor for name, cursor in loaded.items() if cursor.get("file", name) == item.name}
            if _same_version(item, earlier):
                found += 1
                present |= earlier.keys()
                continue
            try:
                snapshot = place.snapshot(item, client.scratch)
            except Vanished:
                client.log.warning("%s was deleted after it was listed: it is left out", item.name)
                present |= earlier.keys()
                continue
            except StopStream as error:
                found += 1
                present |= earlier.keys()
                yield _refused(item.name, error)
                continue
            found += 1
            try:
                yield from self._parts(snapshot, earlier, present, client)
            finally:
                snapshot.close()
        if not found and not self._nothing(place, loaded, client):
            return
        yield from (Gone(name) for name in sorted(loaded.keys() - present))

    def _parts(self, snapshot: Snapshot, earlier: Cursor, present: set[str], client: Client) -> Iterator[Part]:
        item = snapshot.item
        try:
            inside = members(snapshot.open, self.options, item.name)
        except StopStream as error:
            present |= earlier.keys()
            yield _refused(item.name, error)
            return
        zipped = bool(inside) or _is_empty_zip(snapshot)
        for member in inside if zipped else (None,):
            name = f"{item.name}/{member}" if member is not None else item.name
            present.add(name)
            if earlier.get(name, {}).get("sha256") == snapshot.sha256:
                continue
            cursor: Cursor = {
                "file": item.name,
                "size": snapshot.size,
                "modified": item.modified,
                "version": item.version,
                "sha256": snapshot.sha256,
                "parts": len(inside) or 1,
            }
            result = read_file(snapshot.open, self.options, name, scratch=client.scratch, log=client.log, member=member)
            try:
                yield Part(name, _unchanged(result, snapshot), cursor, result.place, snapshot.size)
            finally:
                result.close()

    def _nothing(self, place: Place, loaded: Cursor, client: Client) -> bool:
        """No file at all: whether to go on. An empty folder may be a disk that is not mounted."""
        if not loaded:
            raise StopStream(f"No file matches {place.label}: check the name and that the files are there")
        if self.write_mode == "replace":
            raise StopStream(
                f"No file matches {place.label} any more: the {len(loaded)} loaded earlier are kept; bring the files back,"
                " or reset the stream to empty the table"
            )
        client.log.warning("No file matches %s any more: what was loaded is kept", place.label)
        return False


def _same_version(item: Item, earlier: Mapping[str, Any]) -> bool:
    """Whether all parts of the item were loaded in this version, as far as the listing tells."""
    if not earlier or item.size is None or not (item.version or item.modified):
        return False
    cursors = list(earlier.values())
    if len(cursors) < cursors[0].get("parts", 1):
        return False
    listed = (item.size, item.version) if item.version else (item.size, item.modified)
    which = "version" if item.version else "modified"
    return all((cursor.get("size"), cursor.get(which)) == listed for cursor in cursors)


def _unchanged(result: FormatResult, snapshot: Snapshot) -> Iterator[pa.RecordBatch | Rejected]:
    """The batches; ends with an error if the file was changed meanwhile, so that nothing of it is committed."""
    try:
        yield from result.batches
    except SourceError:
        snapshot.verify()  # a file cut short looks malformed: say what really happened
        raise
    snapshot.verify()


def _refused(name: str, error: StopStream) -> Part:
    """A file that cannot be opened: a part that fails, so that the files after it are read."""

    def fail() -> Iterator[pa.RecordBatch | Rejected]:
        yield from ()
        raise error

    return Part(name, fail())


def _is_empty_zip(snapshot: Snapshot) -> bool:
    with snapshot.open() as file:
        return file.read(4) == b"PK\x05\x06"


def _summary(place: Place, items: Sequence[Item]) -> str:
    sizes = [item.size for item in items if item.size is not None]
    newest = max((item.modified for item in items if item.modified), default=None)
    count = f"{len(items)} file{'s' if len(items) != 1 else ''}"
    size = f", {sum(sizes) / 1e6:,.1f} MB" if sizes else ""
    return f"{place.label}: {count}{size}" + (f", newest {newest}" if newest else "")


def _look(stream: FilesStream, place: Place, item: Item, client: Client) -> Check:
    if item.size is not None and item.size > LARGEST_LOOK and not isinstance(place, LocalPlace):
        return Check("First file", True, f"{item.name}: {item.size / 1e6:,.0f} MB, not looked into")
    try:
        snapshot = place.snapshot(item, client.scratch)
    except Vanished:
        return Check("First file", False, f"{item.name} was deleted after it was listed")
    except SourceError as error:
        return Check("First file", False, str(error))
    try:
        seen = describe(snapshot.open, stream.options, item.name, scratch=client.scratch)
    except (SourceError, OSError) as error:
        return Check("First file", False, str(error))
    finally:
        snapshot.close()
    packed = "" if seen.compression == "none" else f", {seen.compression}"
    cut = f", delimiter {seen.delimiter!r}" if seen.delimiter else ""
    columns = ", ".join(seen.columns[:20]) + (" …" if len(seen.columns) > 20 else "")
    missing = [name for name in stream.primary_key if name not in seen.columns]
    if missing and seen.columns:
        return Check("First file", False, f"{item.name}: no column {', '.join(missing)} for the primary key; columns: {columns}")
    return Check("First file", True, f"{item.name}: {seen.format}{packed}, {seen.encoding}{cut}; columns: {columns or 'none'}")
