"""The objects of one bucket: what is known of each, ranges of its bytes, and which are below a prefix."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from ociarchive.errors import ContentError, HostError, UsageError, plural
from ociarchive.objects.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.objects.address import Address

_RETRIES: Final = 4
_PATIENCE: Final = timedelta(seconds=60)
_CLIENT: Final = {"connect_timeout": "15 seconds", "timeout": "300 seconds"}
#: Objects in one answer of a listing (Amazon S3, ListObjectsV2).
_LISTED: Final = 1000
_STATUS: Final = re.compile(r"status code: (\d{3} [A-Za-z ]+)")
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_LONGEST: Final = 160
_WEAK: Final = "W/"
#: What the library raises where settings are such as it did not foresee. It is no Exception, and has no module.
_PANIC: Final = "PanicException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the storage says of an object. `etag` changes with its bytes; None where it says none. `modified` in ns.

    A weak ETag may stay when bytes change, and never fits If-Match (RFC 9110, 8.8.1 and 13.1.1): it counts for none.
    """

    size: int
    etag: str | None
    modified: int


class Store:
    """One bucket. All threads may use it."""

    def __init__(self, bucket: str, asked: tuple[tuple[str, str], ...]) -> None:
        """`asked` are settings by obstore's names. UsageError: they cannot be."""
        self._library = import_module("obstore")
        self._errors = import_module("obstore.exceptions")
        self._bucket = bucket
        config = dict(asked)
        client = _CLIENT | ({"allow_http": True} if config.get("endpoint", "").startswith("http://") else {})
        retries = {"max_retries": _RETRIES, "retry_timeout": _PATIENCE}
        with self._said(f"s3://{bucket}/"):
            made = import_module("obstore.store").S3Store
            self._store = made(bucket, config=config, client_options=client, retry_config=retries)

    def known(self, address: Address) -> Known:
        """Return what is known of an object. UsageError: there is none. HostError: access is refused, or no answer."""
        with self._said(str(address)):
            try:
                return _known(self._library.head(self._store, address.key))
            except FileNotFoundError:
                self._require_bucket(address)
                raise

    def read(self, address: Address, start: int, end: int, known: Known) -> bytes:
        """Return a range of the bytes of an object that is still the one that is known. ContentError: it is not."""
        options: dict[str, object] = {"range": (start, end)}
        if known.etag is not None:
            options["if_match"] = known.etag
        with self._said(str(address)):
            found = self._library.get(self._store, address.key, options=options)
            if found.meta["size"] != known.size:
                raise _changed(str(address))
            data = bytes(found.bytes())
        if len(data) != end - start:
            raise HostError(
                "object storage sent another number of bytes than it was asked for", where=str(address),
                expected=plural(end - start, "byte"), found=plural(len(data), "byte"),
            )  # fmt: skip
        return data

    def below(self, address: Address) -> Iterator[tuple[str, Known]]:
        """Give the keys that begin with that of a folder, in the storage's order, with what is known of each."""
        with self._said(str(address)):
            pieces = iter(self._library.list(self._store, prefix=address.key or None, chunk_size=_LISTED))
        while True:
            with self._said(str(address)):
                piece = next(pieces, None)
            if piece is None:
                return
            for one in piece:
                if one["size"] or self._is_there(one["path"], str(address)):
                    yield one["path"], _known(one)

    def _is_there(self, key: str, where: str) -> bool:
        """Whether an empty object has this key. The library gives keys without their last `/`, which marks a folder."""
        with self._said(where):
            try:
                self._library.head(self._store, key)
            except FileNotFoundError:
                return False
            return True

    def _require_bucket(self, address: Address) -> None:
        """Look whether the bucket is there, which the answer to HEAD does not say."""
        for _ in self._library.list(self._store, prefix=address.key, chunk_size=1):
            return

    @contextmanager
    def _said(self, where: str) -> Iterator[None]:
        """Raise what the library raises in sentences of ours."""
        try:
            yield
        except FileNotFoundError as error:
            raise _missing(str(error), where) from error
        except (self._errors.PermissionDeniedError, self._errors.UnauthenticatedError) as error:
            hint = "credentials are found as the AWS tools find them: AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws"
            raise HostError("access is refused", where=where, found=_why(str(error)), hint=hint) from error
        except self._errors.PreconditionError as error:
            raise _changed(where) from error
        except self._errors.InvalidPathError as error:
            what = "a key that cannot be read: a part of it is empty, or dots alone"
            raise UsageError(what, where=where, found=_why(str(error))) from error
        except (self._errors.BaseError, ValueError, OSError) as error:
            text = str(error)
            if "NoSuchBucket" in text:
                raise _missing(text, where) from error
            hint = "AWS_REGION and AWS_ENDPOINT_URL say where it is"
            raise HostError("object storage cannot be read", where=where, found=_why(text), hint=hint) from error
        except BaseException as error:
            if type(error).__name__ != _PANIC:
                raise
            hint = "AWS_REGION and AWS_ENDPOINT_URL are among them"
            raise UsageError("the settings of object storage cannot be used", where=where, hint=hint) from error


def store_of(bucket: str) -> Store:
    """Return the store of a bucket, as the environment says it now. UsageError: obstore is missing."""
    if find_spec("obstore") is None:
        hint = "`pip install 'ociarchive[s3]'` installs it"
        raise UsageError("s3:// needs the package obstore, which is not installed", hint=hint)
    return _made(bucket, tuple(sorted(settings().items())))


@lru_cache(maxsize=8)
def _made(bucket: str, asked: tuple[tuple[str, str], ...]) -> Store:
    return Store(bucket, asked)


def _known(meta: Any) -> Known:  # noqa: ANN401  of a library that may be absent
    tag = meta["e_tag"]
    strong = tag if tag is not None and not tag.startswith(_WEAK) else None
    return Known(size=meta["size"], etag=strong, modified=int(meta["last_modified"].timestamp()) * 10**9)


def _missing(text: str, where: str) -> UsageError:
    return UsageError("no such bucket" if "NoSuchBucket" in text else "no such object", where=where)


def _changed(where: str) -> ContentError:
    return ContentError("the object changed while the archive was read", where=where)


def _why(text: str) -> str:
    """Return the reason in what the library says: the server's answer, else the end of its first line."""
    status, code = _STATUS.search(text), _CODE.search(text)
    if status is not None:
        return status[1].strip() + (f" ({code[1]})" if code is not None else "")
    return text.partition("\n")[0].rpartition(" - ")[2].strip()[:_LONGEST]
