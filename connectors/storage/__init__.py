"""Places of files: local folders, https URLs, S3-compatible buckets; all give private snapshots."""

from __future__ import annotations

from connectors.storage.bucket import BucketPlace
from connectors.storage.local import LocalPlace
from connectors.storage.places import Changed, Item, Place, Snapshot, Vanished
from connectors.storage.web import UrlPlace

__all__ = ["BucketPlace", "Changed", "Item", "LocalPlace", "Place", "Snapshot", "UrlPlace", "Vanished"]
