"""Addresses of objects: `s3://BUCKET/KEY`. A key that ends in `/` is a folder of archives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ociarchive.errors import UsageError, require_no_credentials

PREFIX: Final = "s3://"
#: Amazon S3, Bucket naming rules; other servers allow capitals and underscores.
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]\Z")
_EXPECTED: Final = "s3://BUCKET/KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An object of a bucket, or all objects whose keys begin with `key`, where that is empty or ends in `/`."""

    bucket: str
    key: str

    @property
    def is_folder(self) -> bool:
        """Whether it names what is below it."""
        return not self.key or self.key.endswith("/")

    def __str__(self) -> str:
        return f"{PREFIX}{self.bucket}/{self.key}"


def is_object(text: str) -> bool:
    """Whether a SOURCE is in object storage."""
    return text.startswith(PREFIX)


def parse(text: str) -> Address:
    """Return the address that a SOURCE spells. UsageError: it spells none."""
    require_no_credentials(text, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY hold them, or a profile of the AWS tools")
    bucket, _, key = text.removeprefix(PREFIX).partition("/")
    if not _BUCKET.match(bucket):
        raise UsageError("no address of an object", where=text, expected=_EXPECTED)
    parts = key.removesuffix("/").split("/") if key else []
    if any(part in {"", ".", ".."} for part in parts):
        raise UsageError("a key with an empty part, or with dots alone, cannot be read", where=text, expected=_EXPECTED)
    return Address(bucket=bucket, key=key)
