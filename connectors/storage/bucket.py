"""S3-compatible buckets. boto3 signs the requests, the run's own HTTP client sends them: one guarded way out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree

import httpx

from connectors.contract import Client, ReconnectNeeded, Retry, StopStream
from connectors.storage.places import Item, Snapshot, Vanished
from connectors.storage.web import Download, unreachable

SIGNED_SECONDS = 3600
_BAD_KEYS = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "AccessDenied",
    "AuthorizationHeaderMalformed",
)


class BucketPlace:
    """The objects of a bucket under a prefix (or matching one, when it has ``*`` or ``?``). Without keys: anonymous."""

    def __init__(self, config: Mapping[str, Any], secret: Mapping[str, str], client: Client, max_bytes: int) -> None:
        self._bucket, self._prefix = str(config["bucket"]), str(config.get("prefix", ""))
        self._client, self._max_bytes = client, max_bytes
        self.label = f"s3://{self._bucket}/{self._prefix}"
        self.passed_over: list[str] = []
        magic = re.search(r"[*?]", self._prefix)
        self._fixed = self._prefix[: magic.start()] if magic else self._prefix
        self._wanted = re.compile(_glob(self._prefix), re.DOTALL) if magic else None
        self._signer = _signer(config, secret)

    def items(self) -> list[Item]:
        """All objects but folder markers, by key relative to the last / before the prefix's end."""
        items, token = [], None
        cut = self._fixed.rfind("/") + 1
        while True:
            page = self._page(token)
            encoded = page.findtext("{*}EncodingType") == "url"
            for found in page.iterfind("{*}Contents"):
                key = found.findtext("{*}Key") or ""
                key = unquote_plus(key) if encoded else key
                if key.endswith("/") or (self._wanted and not self._wanted.fullmatch(key)):
                    continue
                size = int(found.findtext("{*}Size") or 0)
                items.append(Item(key[cut:], key, size, found.findtext("{*}LastModified"), found.findtext("{*}ETag")))
            token = page.findtext("{*}NextContinuationToken")
            if page.findtext("{*}IsTruncated") != "true" or not token or self._client.stopping():
                return sorted(items, key=lambda item: item.name)

    def snapshot(self, item: Item, scratch: Path) -> Snapshot:
        """Fetch the object; its ETag must be the one listed or the one of the first answer."""

        def url() -> str:
            return self._signed("get_object", {"Key": item.locator})

        return Download(self._client, item, self._max_bytes, url, {}, self._refusal).fetch(scratch)

    def _page(self, token: str | None) -> ElementTree.Element:
        parameters = {"Prefix": self._fixed} | ({"ContinuationToken": token} if token else {})
        try:
            response = self._client.http.get(self._signed("list_objects_v2", parameters))
        except httpx.HTTPError as error:
            raise unreachable(self.label, error) from None
        if response.status_code != 200:
            refused = self._refusal(response, self.label)
            if isinstance(refused, Vanished):
                raise StopStream(f"{self.label}: there is no such bucket: check bucket, endpoint and region")
            raise refused
        try:
            return ElementTree.fromstring(response.content)  # noqa: S314  (expat of every supported Python bounds entities)
        except ElementTree.ParseError:
            raise StopStream(f"{self.label} did not answer as an S3 bucket does: check the endpoint") from None

    def _signed(self, operation: str, parameters: Mapping[str, str]) -> str:
        return str(
            self._signer.generate_presigned_url(operation, Params={"Bucket": self._bucket, **parameters}, ExpiresIn=SIGNED_SECONDS)
        )

    def _refusal(self, response: httpx.Response, name: str) -> Exception:
        """By the error code in the body, as S3 documents it; the text of the body is not shown."""
        code, status = _code(response), response.status_code
        if code == "NoSuchBucket":
            return StopStream(f"{self.label}: there is no bucket named {self._bucket}: check bucket, endpoint and region")
        if status in (301, 307, 400) and (region := response.headers.get("x-amz-bucket-region")):
            return StopStream(f"{self.label}: the bucket is in region {region}: set region")
        if code in _BAD_KEYS or status in (401, 403):
            return ReconnectNeeded(
                f"{name}: access refused ({code or status}): check access_key, secret_key and the bucket's policy"
            )
        if status == 404:
            return Vanished(name)
        if status == 429 or status >= 500:
            return Retry(f"{name}: the storage answered {status} again and again: try later")
        return StopStream(f"{name}: the storage answered {status} {code}: check endpoint, region and bucket".replace("  ", " "))


def _signer(config: Mapping[str, Any], secret: Mapping[str, str]) -> Any:
    import boto3  # slow to import, needed for buckets only
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    keys = (secret.get("access_key"), secret.get("secret_key"))
    if any(keys) and not all(keys):
        raise ReconnectNeeded("Only one of the secrets access_key and secret_key is set: set both, or none for a public bucket")
    endpoint = config.get("endpoint") or None
    addressing = "path" if endpoint else "auto"
    signature = "s3v4" if all(keys) else UNSIGNED
    try:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name=config.get("region") or "us-east-1",
            aws_access_key_id=keys[0] or None,
            aws_secret_access_key=keys[1] or None,
            config=Config(signature_version=signature, s3={"addressing_style": addressing}),
        )
    except (BotoCoreError, ValueError) as error:
        raise StopStream(f"The bucket's settings are not usable ({error}): check endpoint and region") from None


def _code(response: httpx.Response) -> str:
    try:
        response.read()
        return ElementTree.fromstring(response.content).findtext("{*}Code") or ""  # noqa: S314  (as in _page)
    except (ElementTree.ParseError, httpx.HTTPError):
        return ""


def _glob(pattern: str) -> str:
    """``*`` and ``?`` stay between slashes, ``**`` crosses them."""
    pieces = re.split(r"(\*\*/?|\*|\?)", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(known.get(piece, re.escape(piece)) for piece in pieces)
