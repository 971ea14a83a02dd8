"""Where an upload goes on, and how much of it a registry has: what servers say, read with care."""

import pytest

from ociarchive.errors import HostError
from ociarchive.remote.client import Answer
from ociarchive.remote.upload import Session, _reached

URL = "https://registry.example:5000/v2/app/blobs/uploads/"


def answer(status: int = 202, **headers: str) -> Answer:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Answer(status=status, headers=named, body=b"", url=URL)


@pytest.mark.parametrize(
    ("location", "goes_on"),
    [
        ("/v2/app/blobs/uploads/1?state=a", "https://registry.example:5000/v2/app/blobs/uploads/1?state=a"),
        ("1?state=a", "https://registry.example:5000/v2/app/blobs/uploads/1?state=a"),
        ("https://store.example/u/1", "https://store.example/u/1"),
        ("http://registry.example:5000/u/1", "https://registry.example:5000/u/1"),
        ("http://registry.example/u/1?a=b", "https://registry.example:5000/u/1?a=b"),
    ],
)
def test_an_upload_goes_on_at_its_location(location: str, goes_on: str) -> None:
    assert Session.of(answer(location=location)) == Session(goes_on)


def test_no_other_server_gets_a_blob_without_tls() -> None:
    with pytest.raises(HostError, match="without TLS"):
        Session.of(answer(location="http://store.example/u/1"))


def test_an_address_that_is_none_is_no_fault_of_ours() -> None:
    with pytest.raises(HostError, match="an address that is none"):
        Session.of(answer(location="http://[nowhere/"))


@pytest.mark.parametrize(
    ("told", "least"),
    [("65536", 65536), ("", 0), ("-5", 0), ("many", 0), ("9" * 30, 0), ("999999999999", 64 << 20), ("\u0661", 0)],
)
def test_the_least_length_of_a_chunk(told: str, least: int) -> None:
    found = Session.of(answer(location="1", oci_chunk_min_length=told))
    assert found is not None
    assert found.least == least


def test_what_begins_no_upload() -> None:
    assert Session.of(answer(404, location="1")) is None
    assert Session.of(answer()) is None


@pytest.mark.parametrize(
    ("told", "before", "reached"),
    [
        ("0-99", 0, 100),
        ("bytes=0-99", 0, 100),
        ("bytes 0-99", 50, 100),
        ("0-0", 0, 0),
        ("0-0", 100, 1),
        ("5-99", 0, None),
        ("nonsense", 0, None),
        (None, 0, None),
    ],
)
def test_how_much_is_there(told: str | None, before: int, reached: int | None) -> None:
    assert _reached(told, before) == reached
