"""Uploads land in their connector's folder, whole or not at all, whatever they are called."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from connectors import uploads
from connectors.errors import ConnectorError


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("orders.csv", "orders.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\orders 2026.csv.gz", "orders_2026.csv.gz"),
        (".htaccess", "htaccess"),
        ("..", "upload"),
        ("", "upload"),
        ("a\x00b.csv", "ab.csv"),
    ],
)
def test_names_are_made_safe(name, wanted):
    assert uploads.safe_name(name) == wanted


def test_long_names_keep_their_endings():
    assert uploads.safe_name("x" * 500 + ".csv.gz") == "x" * 120 + ".csv.gz"


def test_a_file_of_the_same_name_is_replaced_whole(files):
    key = uuid4()
    first = uploads.store_upload(key, SimpleUploadedFile("orders.csv", b"id\n1\n"))
    second = uploads.store_upload(key, SimpleUploadedFile("orders.csv", b"id\n1\n2\n"))
    assert first == second
    assert second.read_bytes() == b"id\n1\n2\n"
    assert [path.name for path in second.parent.iterdir()] == ["orders.csv"]


def test_too_large_says_the_limit(files, monkeypatch):
    monkeypatch.setattr(uploads, "LARGEST_UPLOAD", 3 * 2**20)
    with pytest.raises(ConnectorError, match="the limit is 3 MB"):
        uploads.store_upload(uuid4(), SimpleUploadedFile("orders.csv", b"x" * (3 * 2**20 + 1)))


def test_an_empty_file_is_refused(files):
    with pytest.raises(ConnectorError, match="empty"):
        uploads.store_upload(uuid4(), SimpleUploadedFile("orders.csv", b""))


@pytest.mark.django_db
def test_uploads_of_drafts_never_saved_are_removed(make_connector, files):
    kept = make_connector("orders", path=str(files), table="orders")
    for key in (kept.pk, uuid4()):
        folder = uploads.store_upload(key, SimpleUploadedFile("a.csv", b"id\n1\n")).parent
        os.utime(folder, (0, 0))
    assert uploads.forget_abandoned() == 1
    assert (uploads.uploads_dir(kept.pk) / "a.csv").exists()
