"""The parts of the registry's client that need no server: addresses, challenges, proxies."""

import pytest

from ociarchive.errors import HostError, UsageError
from ociarchive.remote.address import Access, is_loopback, parse
from ociarchive.remote.challenges import challenges
from ociarchive.remote.proxies import proxy_for
from ociarchive.remote.urls import goes_on, joined, shown
from tests.support import build

DIGEST = build.digest(b"x")


@pytest.mark.parametrize(
    ("text", "server", "repository", "reference", "shown_as"),
    [
        ("docker://r.example/app", "r.example", "app", "latest", "docker://r.example/app:latest"),
        ("docker://r.example:5000/a/b:1.0", "r.example:5000", "a/b", "1.0", "docker://r.example:5000/a/b:1.0"),
        (f"docker://r.example/app@{DIGEST}", "r.example", "app", DIGEST, f"docker://r.example/app@{DIGEST}"),
        ("docker://alpine:3", "registry-1.docker.io", "library/alpine", "3", "docker://docker.io/library/alpine:3"),
        ("docker://docker.io/u/app:1", "registry-1.docker.io", "u/app", "1", "docker://docker.io/u/app:1"),
        ("docker://localhost/app:1", "localhost", "app", "1", "docker://localhost/app:1"),
        ("docker://[::1]:5000/app:1", "[::1]:5000", "app", "1", "docker://[::1]:5000/app:1"),
    ],
)
def test_addresses(text: str, server: str, repository: str, reference: str, shown_as: str) -> None:
    found = parse(text)
    assert (found.server, found.repository, found.reference, str(found)) == (server, repository, reference, shown_as)


@pytest.mark.parametrize("text", ["docker://", "docker:///app", f"docker://r.example/app:1@{DIGEST}", "docker://R/UP"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize(
    ("server", "local"),
    [
        ("127.0.0.1:5000", True),
        ("127.1.2.3", True),
        ("localhost:80", True),
        ("x.localhost", True),
        ("[::1]:5000", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("r.example:127", False),
    ],
)
def test_loopback(server: str, local: bool) -> None:
    assert is_loopback(server) is local
    assert Access().is_plain(parse(f"docker://{server}/app")) is local
    assert Access(plain_http=True).is_plain(parse(f"docker://{server}/app"))
    assert not Access(ca_file="ca.pem").is_plain(parse(f"docker://{server}/app"))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push"',
         [("bearer", {"realm": "https://a/t", "service": "s", "scope": "repository:a/b:pull,push"})]),
        ('Basic realm="x"', [("basic", {"realm": "x"})]),
        ("Basic", [("basic", {})]),
        ('Basic realm="a", Bearer realm="b", error=invalid',
         [("basic", {"realm": "a"}), ("bearer", {"realm": "b", "error": "invalid"})]),
        ('Bearer realm="a \\"b\\", c" , service = s', [("bearer", {"realm": 'a "b", c', "service": "s"})]),
        ("", []),
        ('realm="without a scheme"', []),
    ],
)  # fmt: skip
def test_challenges(header: str, found: list[tuple[str, dict[str, str]]]) -> None:
    assert [(one.scheme, dict(one.parameters)) for one in challenges(header)] == found


@pytest.mark.parametrize(
    ("scheme", "server", "environment", "url"),
    [
        ("https", "r.example", {}, None),
        ("https", "r.example", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https", "r.example", {"https_proxy": "p:1"}, "http://p:1"),
        ("https", "r.example", {"HTTP_PROXY": "http://p:1"}, None),
        ("http", "r.example", {"HTTP_PROXY": "http://u:secret@p:1/"}, "http://p:1"),
        ("http", "127.0.0.1:5000", {"HTTP_PROXY": "http://p:1"}, None),
        ("https", "r.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x, r.example"}, None),
        ("https", "a.r.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".r.example"}, None),
        ("https", "a.r.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*.r.example"}, None),
        ("https", "ar.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "r.example"}, "http://p:1"),
        ("https", "r.example:5000", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "r.example:443"}, "http://p:1"),
        ("https", "r.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "r.example:443"}, None),
        ("https", "10.1.2.3:5000", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, None),
        ("https", "r.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
    ],
)
def test_proxies(scheme: str, server: str, environment: dict[str, str], url: str | None) -> None:
    found = proxy_for(scheme, server, environment)
    assert (found.url if found is not None else None) == url
    assert "secret" not in repr(found)


def test_a_proxy_that_is_none_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        proxy_for("https", "r.example", {"HTTPS_PROXY": "socks5://u:secret@p:1"})
    assert "secret" not in str(caught.value)


def test_what_is_shown_of_an_address() -> None:
    assert shown("https://u:secret@store.example/a/b?signature=secret#x") == "https://store.example/a/b"


@pytest.mark.parametrize("url", ["http://[x", "http://u:secret@[::1/a?signature=secret", "//[x/u:secret@y"])
def test_what_is_no_address_is_shown_without_secrets(url: str) -> None:
    assert "secret" not in shown(url)


NOWHERE = [
    "http://[x", "http://[::1", "file:///etc/passwd", "ftp://r.example/x", "http://r.example:99999/x", "http://r.example:0/",
    "http://r.example:abc/x", "http://a b/", "data:,x",
]  # fmt: skip


@pytest.mark.parametrize("location", NOWHERE)
def test_where_a_server_sends_to_is_an_address(location: str) -> None:
    with pytest.raises(HostError, match="an address that is none"):
        joined("https://r.example/v2/", location)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/a?b=c#d", "https://r.example/a?b=c"),
        ("b", "https://r.example/v2/b"),
        ("//o.example/x", "https://o.example/x"),
    ],
)
def test_a_relative_address_is_of_the_server_that_gave_it(location: str, target: str) -> None:
    assert joined("https://r.example/v2/", location) == target


def test_what_began_with_tls_keeps_it() -> None:
    assert goes_on("https://r.example/v2/", "http://r.example/v2/?n=2") == "https://r.example/v2/?n=2"
    with pytest.raises(HostError, match="without TLS"):
        goes_on("https://r.example/v2/", "http://o.example/v2/?n=2")


@pytest.mark.parametrize("host", ["r.example:99999", "r.example:0", "a" * 64 + ".example", ".".join(["a" * 60] * 5)])
def test_a_host_that_cannot_be_is_a_call_at_fault(host: str) -> None:
    with pytest.raises(UsageError, match="no address of an image"):
        parse(f"docker://{host}/app:1")


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError, match="docker login") as caught:
        parse("docker://user:secret@r.example/app:1")
    assert "secret" not in str(caught.value)
