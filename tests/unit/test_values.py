"""Digests, references, platforms and descriptors, by the grammars of image-spec and distribution."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ociarchive.values import Descriptor, Digest, Platform, Reference, tagged_digest, type_name

A64, B64, A128 = "a" * 64, "b" * 64, "0a" * 64
GIVEN = f"sha256:{A64}"

DIGESTS = {
    "sha256": f"sha256:{A64}",
    "sha512": f"sha512:{A128}",
    "blake3": f"blake3:{B64}",
    "image-spec-multihash": "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
    "image-spec-base64url": "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564",
    "every-separator": "a+b.c_d-e:f",
    "encoded-with-padding": "md5:YWJj==",
    "longest": "x:" + "a" * 248,
}
NO_DIGESTS: dict[str, object] = {
    "empty": "",
    "no-colon": "sha256",
    "no-algorithm": f":{A64}",
    "no-encoded": "sha256:",
    "upper-case-algorithm": f"SHA256:{A64}",
    "upper-case-hex": f"sha256:{A64.upper()}",
    "hex-too-short": f"sha256:{A64[1:]}",
    "hex-too-long": f"sha256:{A64}a",
    "hex-with-g": f"sha256:{A64[1:]}g",
    "sha512-with-64-digits": f"sha512:{A64}",
    "blake3-with-128-digits": f"blake3:{A128}",
    "separator-first": f"+sha256:{A64}",
    "separator-last": f"sha256+:{A64}",
    "two-separators": f"sha256++b64:{A64}",
    "newline-after": f"sha256:{A64}\n",
    "blank-before": f" sha256:{A64}",
    "slash": "x:a/b",
    "dots": "x:..",
    "second-colon": "x:a:b",
    "nul": "x:a\0",
    "digit-of-another-script": "x:\u0661",
    "one-too-long": "x:" + "a" * 249,
    "null": None,
    "number": 5,
    "array": [f"sha256:{A64}"],
}


@pytest.mark.parametrize("name", DIGESTS)
def test_digest_spells_itself(name: str) -> None:
    digest = Digest.parse(DIGESTS[name])
    assert str(digest) == DIGESTS[name]
    assert f"{digest.algorithm}:{digest.hex}" == DIGESTS[name]
    assert Digest.maybe(DIGESTS[name]) == digest


@pytest.mark.parametrize("name", NO_DIGESTS)
def test_what_is_no_digest_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        Digest.parse(NO_DIGESTS[name])
    assert Digest.maybe(NO_DIGESTS[name]) is None


def test_message_of_a_malformed_digest_stays_short() -> None:
    with pytest.raises(ValueError, match="malformed") as caught:
        Digest.parse("!" * 100_000)
    assert len(str(caught.value)) < 200


def test_digests_are_ordered_as_their_text_and_show_twelve_digits() -> None:
    texts = [f"sha512:{A128}", f"sha256:{B64}", f"sha256:{A64}", f"blake3:{B64}"]
    assert [str(one) for one in sorted(map(Digest.parse, texts))] == sorted(texts)
    assert Digest.parse(GIVEN).short == "a" * 12


ALGORITHMS = st.from_regex(r"[a-z0-9]{1,5}([+._-][a-z0-9]{1,5}){0,2}", fullmatch=True)
ENCODED = st.text(string.ascii_letters + string.digits + "=_-", min_size=1, max_size=64)


@given(ALGORITHMS.filter(lambda name: name not in {"sha256", "sha512", "blake3"}), ENCODED)
def test_any_digest_of_the_grammar_round_trips(algorithm: str, encoded: str) -> None:
    digest = Digest.parse(f"{algorithm}:{encoded}")
    assert Digest.parse(str(digest)) == digest == Digest(algorithm, encoded)


@given(st.text(max_size=80) | st.from_regex(r"sha(256|512):[a-f0-9/.]{60,70}"))
def test_no_digest_is_dangerous_in_a_path(text: str) -> None:
    digest = Digest.maybe(text)
    if digest is not None:
        for part in (digest.algorithm, digest.hex):
            assert part
            assert part not in {".", ".."}
            assert not set("/\\\0\n ") & set(part)


# name: text, host, path, tag, familiar
REFERENCES: dict[str, tuple[str, str, str, str | None, str]] = {
    "bare": ("app", "docker.io", "library/app", "latest", "app:latest"),
    "tagged": ("app:1.0", "docker.io", "library/app", "1.0", "app:1.0"),
    "user": ("corpus/app:1.0", "docker.io", "corpus/app", "1.0", "corpus/app:1.0"),
    "three-parts": ("one/two/app", "docker.io", "one/two/app", "latest", "one/two/app:latest"),
    "full": ("docker.io/library/app:1.0", "docker.io", "library/app", "1.0", "app:1.0"),
    "docker-io-without-library": ("docker.io/app", "docker.io", "library/app", "latest", "app:latest"),
    "old-index": ("index.docker.io/app", "docker.io", "library/app", "latest", "app:latest"),
    "old-index-with-user": ("index.docker.io/corpus/app", "docker.io", "corpus/app", "latest", "corpus/app:latest"),
    "dot-in-a-name": ("test.example", "docker.io", "library/test.example", "latest", "test.example:latest"),
    "host": ("registry.example/app:1", "registry.example", "app", "1", "registry.example/app:1"),
    "host-with-port": ("host:5000/app:1", "host:5000", "app", "1", "host:5000/app:1"),
    "port-like-tag": ("host:5000", "docker.io", "library/host", "5000", "host:5000"),
    "localhost": ("localhost/app", "localhost", "app", "latest", "localhost/app:latest"),
    "localhost-with-port": ("localhost:80/app", "localhost:80", "app", "latest", "localhost:80/app:latest"),
    "upper-case-host": ("Team/app", "Team", "app", "latest", "Team/app:latest"),
    "hyphens-in-a-host": ("a-b.c--d.example/app", "a-b.c--d.example", "app", "latest", "a-b.c--d.example/app:latest"),
    "address": ("192.0.2.1:5000/app", "192.0.2.1:5000", "app", "latest", "192.0.2.1:5000/app:latest"),
    "ipv6": ("[2001:db8::1]/app", "[2001:db8::1]", "app", "latest", "[2001:db8::1]/app:latest"),
    "ipv6-with-port": ("[::1]:5000/a/b:t", "[::1]:5000", "a/b", "t", "[::1]:5000/a/b:t"),
    "separators-in-the-path": ("corpus/a.b_c__d-e---f", "docker.io", "corpus/a.b_c__d-e---f", "latest", ""),
    "tag-with-everything": ("app:_A.z-9", "docker.io", "library/app", "_A.z-9", "app:_A.z-9"),
    "longest-tag": ("app:" + "t" * 128, "docker.io", "library/app", "t" * 128, "app:" + "t" * 128),
    "digest-alone": (f"app@{GIVEN}", "docker.io", "library/app", None, f"app@{GIVEN}"),
    "tag-and-digest": (f"app:1@{GIVEN}", "docker.io", "library/app", "1", f"app:1@{GIVEN}"),
    "longest-name": ("h.example/" + "a" * 245, "h.example", "a" * 245, "latest", ""),
}
NO_REFERENCES = {
    "empty": "",
    "blank": " ",
    "colon-alone": ":",
    "tag-alone": ":1.0",
    "empty-tag": "app:",
    "empty-digest": "app@",
    "malformed-digest": "app@sha256:abc",
    "two-digests": f"app@{GIVEN}@{GIVEN}",
    "upper-case-path": "corpus/App",
    "upper-case-name": "App",
    "path-ends-with-a-slash": "corpus/",
    "path-begins-with-a-slash": "/app",
    "doubled-slash": "corpus//app",
    "dots-in-the-path": "corpus/../app",
    "separator-first": "corpus/-app",
    "separator-last": "corpus/app-",
    "two-dots": "corpus/a..b",
    "three-underscores": "corpus/a___b",
    "mixed-separators": "corpus/a._b",
    "host-begins-with-a-hyphen": "-host.example/app",
    "host-ends-with-a-hyphen": "host-.example/app",
    "underscore-in-a-host": "a_b.example/app",
    "host-ends-with-a-dot": "host./app",
    "port-is-no-number": "host:http/app",
    "ipv6-without-brackets": "2001:db8::1/app",
    "ipv6-with-a-zone": "[fe80::1%eth0]/app",
    "tag-begins-with-a-dot": "app:.1",
    "tag-begins-with-a-hyphen": "app:-1",
    "tag-too-long": "app:" + "t" * 129,
    "tag-with-a-newline": "app:1\n",
    "name-with-a-newline": "app\n",
    "name-too-long": "h.example/" + "a" * 246,
    "not-ascii": "corpus/äpp",
    "scheme": "https://registry.example/app",
    "nul": "app\0",
}


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_is_filled_in(name: str) -> None:
    text, host, path, tag, familiar = REFERENCES[name]
    reference = Reference.parse(text)
    assert (reference.host, reference.path, reference.tag) == (host, path, tag)
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference
    if familiar:
        assert reference.familiar == familiar


FAMILIAR = [
    "docker.io/library/a/b:1",
    "docker.io/library/library/x:1",
    "docker.io/a.b/c:1",
    "docker.io/localhost/c:1",
]


@pytest.mark.parametrize("text", FAMILIAR)
def test_familiar_writing_means_the_same_image(text: str) -> None:
    reference = Reference.parse(text)
    assert Reference.parse(reference.familiar) == reference
    assert str(reference) == text


@pytest.mark.parametrize("name", NO_REFERENCES)
def test_what_is_no_reference_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"malformed"):
        Reference.parse(NO_REFERENCES[name])
    assert Reference.maybe(NO_REFERENCES[name]) is None


def test_only_text_is_a_reference() -> None:
    assert Reference.maybe(5) is None
    assert Reference.maybe(None) is None


COMPONENTS = st.from_regex(r"[a-z0-9]{1,4}(([._]|__|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True)
HOSTS = st.sampled_from(["docker.io", "localhost", "registry.example", "Upper", "h:1", "[::1]:5000", "192.0.2.1"])
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(HOSTS, st.lists(COMPONENTS, min_size=1, max_size=4), st.none() | TAGS, st.booleans())
def test_any_reference_of_the_grammar_round_trips(host: str, parts: list[str], tag: str | None, pinned: bool) -> None:
    text = "/".join([host, *parts]) + (f":{tag}" if tag else "") + (f"@{GIVEN}" if pinned else "")
    reference = Reference.parse(text)
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference
    assert reference.host == host
    assert (reference.tag, reference.digest) == (
        tag or (None if pinned else "latest"),
        Digest.parse(GIVEN) if pinned else None,
    )


PLATFORMS = {
    "linux/amd64": ("linux", "amd64", None),
    "linux/arm/v7": ("linux", "arm", "v7"),
    "windows/amd64": ("windows", "amd64", None),
    "unknown/unknown": ("unknown", "unknown", None),
}


@pytest.mark.parametrize("text", PLATFORMS)
def test_platform_round_trips(text: str) -> None:
    platform = Platform.parse(text)
    assert (platform.os, platform.architecture, platform.variant) == PLATFORMS[text]
    assert str(platform) == text


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "/", "linux/arm/", "linux/arm/v7/x", "linux//v7"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="OS/ARCH"):
        Platform.parse(text)


# name: platform of an image, what was asked for, whether it fits
FITS = {
    "same": ("linux/amd64", "linux/amd64", True),
    "other-os": ("windows/amd64", "linux/amd64", False),
    "other-architecture": ("linux/arm64", "linux/amd64", False),
    "any-variant": ("linux/arm/v6", "linux/arm", True),
    "that-variant": ("linux/arm/v7", "linux/arm/v7", True),
    "other-variant": ("linux/arm/v6", "linux/arm/v7", False),
    "arm64-is-v8": ("linux/arm64", "linux/arm64/v8", True),
    "arm64-is-not-v9": ("linux/arm64", "linux/arm64/v9", False),
    "arm-is-v7": ("linux/arm", "linux/arm/v7", True),
    "arm-is-not-v6": ("linux/arm", "linux/arm/v6", False),
    "amd64-has-no-default": ("linux/amd64", "linux/amd64/v2", False),
    "v8-asked-without": ("linux/arm64/v8", "linux/arm64", True),
}


@pytest.mark.parametrize("name", FITS)
def test_platform_fits(name: str) -> None:
    image, wanted, fits = FITS[name]
    assert Platform.parse(image).fits(Platform.parse(wanted)) is fits


def test_platform_of_json() -> None:
    members: dict[str, Any] = {"os": "windows", "architecture": "amd64", "os.version": "10.0.1", "variant": ""}
    platform = Platform.of(members)
    assert platform == Platform(os="windows", architecture="amd64", os_version="10.0.1")
    assert Platform.of({}) is None
    assert Platform.of({"os": "", "architecture": ""}) is None
    assert Platform.of({"os": 5, "architecture": None}) is None
    half = Platform.of({"os": "linux"})
    assert half is not None
    assert str(half) == "linux"


TAGGED = {
    f"sha256-{A64}": GIVEN,
    f"sha256-{A64}.sig": GIVEN,
    f"sha256-{A64}.att": GIVEN,
    f"sha256-{A64}.sbom": GIVEN,
    f"sha512-{A128}": f"sha512:{A128}",
    "latest": None,
    "sha256": None,
    "sha256-": None,
    f"sha256-{A64[1:]}": None,
    f"sha256-{A64}.other": None,
    f"sha384-{A64}": None,
    "": None,
}


@pytest.mark.parametrize("tag", TAGGED)
def test_tag_made_of_a_digest(tag: str) -> None:
    found = tagged_digest(tag)
    assert (str(found) if found else None) == TAGGED[tag]


def raw(**members: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
    return {"mediaType": "a/b", "digest": GIVEN, "size": 3, **members}


def test_descriptor_keeps_what_it_does_not_know() -> None:
    value: dict[str, Any] = {"x-first": [1], "size": 3, "digest": GIVEN, "mediaType": "a/b", "x-null": None}
    descriptor = Descriptor.parse(value)
    assert descriptor.raw == value
    assert list(descriptor.raw) == list(value)
    assert (descriptor.media_type, descriptor.digest, descriptor.size) == ("a/b", Digest.parse(GIVEN), 3)


NO_DESCRIPTORS: dict[str, tuple[Any, str]] = {
    "null": (None, "wrong type: expected an object, found null"),
    "array": ([], "expected an object, found an array"),
    "string": (GIVEN, "expected an object, found a string"),
    "no-digest": ({"mediaType": "a/b", "size": 3}, "a descriptor has no digest: expected a string, found nothing"),
    "malformed-digest": (
        raw(digest="sha256:1"),
        "malformed sha256 digest: expected sha256: and 64 lower-case hex digits, found 'sha256:1'",
    ),
    "no-size": ({"mediaType": "a/b", "digest": GIVEN}, "no size: expected a whole number of bytes, found nothing"),
    "size-is-a-string": (raw(size="3"), "expected a whole number of bytes, found a string"),
    "size-is-a-boolean": (raw(size=True), "expected a whole number of bytes, found a boolean"),
    "size-is-a-fraction": (raw(size=3.0), "expected a whole number of bytes, found 3.0"),
    "size-is-negative": (raw(size=-1), "expected a whole number of bytes, found -1"),
    "media-type-is-a-number": (raw(mediaType=7), "mediaType has the wrong type: expected a string, found a number"),
    "media-type-is-null": (raw(mediaType=None), "mediaType has the wrong type: expected a string, found null"),
}


@pytest.mark.parametrize("name", NO_DESCRIPTORS)
def test_what_is_no_descriptor_is_refused(name: str) -> None:
    value, message = NO_DESCRIPTORS[name]
    with pytest.raises(ValueError, match=message):
        Descriptor.parse(value)


def test_descriptor_without_a_media_type() -> None:
    assert Descriptor.parse({"digest": GIVEN, "size": 0}).media_type == ""


def test_evolve_replaces_in_place_adds_at_the_end_and_removes() -> None:
    value = raw(annotations={"a": "b"}, **{"x-null": None, "x-last": 1})
    descriptor = Descriptor.parse(value)
    changed = descriptor.evolve(size=9, annotations=None, platform={"os": "linux"})
    assert changed.raw == {
        "mediaType": "a/b",
        "digest": GIVEN,
        "size": 9,
        "x-null": None,
        "x-last": 1,
        "platform": {"os": "linux"},
    }
    assert list(changed.raw) == ["mediaType", "digest", "size", "x-null", "x-last", "platform"]
    assert changed.size == 9
    assert descriptor.raw == raw(annotations={"a": "b"}, **{"x-null": None, "x-last": 1})


def test_evolve_refuses_what_no_descriptor_may_say() -> None:
    with pytest.raises(ValueError, match="size"):
        Descriptor.parse(raw()).evolve(size=-1)


def test_retarget_names_another_blob_and_drops_inline_data() -> None:
    old = Descriptor.parse({"x": 1, "size": 3, "data": "YWJj", "digest": GIVEN, "mediaType": "a/b", "y": {"z": None}})
    target = Descriptor.make("c/d", Digest.parse(f"sha256:{B64}"), 8)
    new = old.retarget(target)
    assert list(new.raw.items()) == [
        ("x", 1),
        ("size", 8),
        ("digest", f"sha256:{B64}"),
        ("mediaType", "c/d"),
        ("y", {"z": None}),
    ]
    assert (new.media_type, new.digest, new.size) == ("c/d", target.digest, 8)


def test_retarget_does_not_add_a_media_type_that_was_left_out() -> None:
    old = Descriptor.parse({"digest": GIVEN, "size": 3})
    new = old.retarget(Descriptor.make("", Digest.parse(f"sha256:{B64}"), 8))
    assert new.raw == {"digest": f"sha256:{B64}", "size": 8}


def test_annotate_sets_exactly_these() -> None:
    descriptor = Descriptor.parse(raw(annotations={"a": "b"}, last=1))
    assert descriptor.annotate({"c": "d"}).annotations == {"c": "d"}
    assert list(descriptor.annotate({"c": "d"}).raw) == ["mediaType", "digest", "size", "annotations", "last"]
    assert "annotations" not in descriptor.annotate({}).raw
    assert Descriptor.parse(raw()).annotations == {}


def test_equal_descriptors_are_those_that_claim_the_same() -> None:
    assert Descriptor.parse(raw(x=1)) == Descriptor.parse(raw(x=2))
    assert Descriptor.parse(raw()) != Descriptor.parse(raw(size=4))


GETTERS: dict[str, tuple[dict[str, Any], str, object]] = {
    "platform": ({"platform": {"os": "linux", "architecture": "arm64"}}, "platform", Platform.parse("linux/arm64")),
    "empty-platform": ({"platform": {}}, "platform", None),
    "platform-is-text": ({"platform": "linux/arm64"}, "platform", None),
    "artifact-type": ({"artifactType": "a/b"}, "artifact_type", "a/b"),
    "empty-artifact-type": ({"artifactType": ""}, "artifact_type", None),
    "artifact-type-is-a-number": ({"artifactType": 1}, "artifact_type", None),
    "urls": ({"urls": ["https://example.org/a", 5]}, "urls", ("https://example.org/a",)),
    "urls-are-text": ({"urls": "https://example.org/a"}, "urls", ()),
    "no-urls": ({}, "urls", ()),
    "annotations": ({"annotations": {"a": "b", "c": 1, "d": None}}, "annotations", {"a": "b"}),
    "annotations-are-an-array": ({"annotations": ["a"]}, "annotations", {}),
    "data": ({"data": "YWJj"}, "data", b"abc"),
    "no-data": ({}, "data", None),
    "data-is-a-number": ({"data": 1}, "data", None),
    "data-is-no-base64": ({"data": "YWJ"}, "data", None),
    "data-with-other-characters": ({"data": "YW Jj"}, "data", None),
    "data-is-not-ascii": ({"data": "YWJé"}, "data", None),
}


@pytest.mark.parametrize("name", GETTERS)
def test_optional_members(name: str) -> None:
    members, getter, expected = GETTERS[name]
    assert getattr(Descriptor.parse(raw(**members)), getter) == expected


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
UNKNOWN = st.dictionaries(st.text("xyz-", min_size=1, max_size=4), JSON_VALUES, max_size=4)


@given(UNKNOWN, UNKNOWN, st.integers(0, 2**63 - 1))
def test_unknown_members_and_their_order_survive(before: dict[str, Any], after: dict[str, Any], size: int) -> None:
    value = {**before, "mediaType": "a/b", "digest": GIVEN, "size": size, **after}
    other = Descriptor.make("c/d", Digest.parse(f"sha256:{B64}"), 1)
    there = Descriptor.parse(value).retarget(other)
    back = there.retarget(Descriptor.parse(value))
    assert list(back.raw.items()) == list(value.items())
    assert list(there.raw) == list(value)


TYPES: dict[str, tuple[object, str]] = {
    "null": (None, "null"),
    "boolean": (True, "a boolean"),
    "integer": (1, "a number"),
    "fraction": (1.5, "a number"),
    "string": ("", "a string"),
    "array": ([], "an array"),
    "object": ({}, "an object"),
    "no-json": (b"", "bytes"),
}


@pytest.mark.parametrize("name", TYPES)
def test_type_name(name: str) -> None:
    value, expected = TYPES[name]
    assert type_name(value) == expected
