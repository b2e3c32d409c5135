"""Files that people upload for a connector: kept apart by connector, under names that are safe."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.core.files.uploadedfile import UploadedFile
from django.utils.text import get_valid_filename

from connectors.errors import ConnectorError
from connectors.models import ConnectorConfig
from connectors.services.limits import uploads_dir

LARGEST_UPLOAD = 2 * 2**30
"""Bytes. Larger files belong in a folder of IPAI_FILES_ROOTS or in a bucket."""
FORGOTTEN_AFTER = 24 * 3600
"""Seconds after which an upload for a connector that was never saved is removed."""


class UploadTooLarge(ConnectorError):
    """The file is larger than :data:`LARGEST_UPLOAD`."""


def store_upload(connector_id: UUID, file: UploadedFile[Any]) -> Path:
    """Write the file, in chunks, where its connector may read it. A file of the same name is replaced whole.

    Raises UploadTooLarge, or ConnectorError when it is empty.
    """
    if (file.size or 0) > LARGEST_UPLOAD:
        size, limit = (file.size or 0) / 2**20, LARGEST_UPLOAD / 2**20
        raise UploadTooLarge(f"The file has {size:,.0f} MB; the limit is {limit:,.0f} MB. Put it in a bucket or a folder.")
    if not file.size:
        raise ConnectorError("The file is empty; choose another")
    folder = uploads_dir(connector_id).resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / safe_name(file.name or "")
    partial = folder / f".{uuid4().hex}.part"
    try:
        with partial.open("wb") as target:
            for chunk in file.chunks():
                target.write(chunk)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def safe_name(name: str) -> str:
    """A file name without folders, control characters or a leading dot; its endings stay, since they tell the format."""
    base = name.replace("\\", "/").rpartition("/")[2].replace("\x00", "")
    with contextlib.suppress(Exception):
        base = get_valid_filename(base)
    base = base.lstrip(".-")
    stem, dot, ending = base.partition(".")
    return f"{stem[:120] or 'upload'}{dot}{ending[-60:]}"


def forget_uploads(connector_id: UUID) -> None:
    """Remove the files of a connector that is gone."""
    shutil.rmtree(uploads_dir(connector_id), ignore_errors=True)


def forget_abandoned() -> int:
    """Remove uploads for connectors that were never saved; returns how many."""
    root = uploads_dir("x").parent
    if not root.is_dir():
        return 0
    old = [folder for folder in root.iterdir() if _uuid(folder.name) and time.time() - folder.stat().st_mtime > FORGOTTEN_AFTER]
    kept = {str(key) for key in ConnectorConfig.objects.filter(pk__in=[folder.name for folder in old]).values_list("pk", flat=True)}
    gone = [folder for folder in old if folder.name not in kept]
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return len(gone)


def _uuid(name: str) -> bool:
    try:
        return bool(UUID(name))
    except ValueError:
        return False
