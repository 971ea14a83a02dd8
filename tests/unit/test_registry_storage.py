"""A registry's storage folder, read as a server left it and written as a server finds it."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

import ociarchive
from tests.support import build
from tests.support.build import Image, Node, artifact, attestation, hexed, index, layer, signature, tag_of
from tests.support.call import Call, Json, refused, told
from tests.support.shelf import read as files
from tests.support.tar import Member, file, write_folder
from tests.support.truth import CORPUS

SOURCE = CORPUS / "registry-data"
REGISTRY = json.loads((CORPUS / "truth.json").read_bytes())["registry-data"]["registry"]
SCHEMA1: str = REGISTRY["schema1"]["schema1"]
TRUE: dict[str, list[Json]] = {tag: rows for tag, rows in REGISTRY.items() if tag != "schema1"}
TAGS = sorted(TRUE)
ROOT = "docker/registry/v2"
BASE = layer({"base": b"base"}, "gzip")


def named(path: Path) -> dict[str, str]:
    """Give what the tags lead to that are names of images."""
    return {name: digest for name, digest in links(path, "/current").items() if "/tags/sha256-" not in name}


def listing(path: Path) -> set[str]:
    """Give the tags that list referrers."""
    return links(path, "/current").keys() - named(path).keys()


def image(label: str, platform: build.Platform = build.AMD64) -> Node:
    one = Image(layers=[BASE], platform=platform, config_members={"author": label})
    return one.node(platform=platform.members())


def inspected(call: Call, path: Path) -> Json:
    return told(call("inspect", "--format", "json", path)).archive()


def links(path: Path, kind: str) -> dict[str, str]:
    """Give what each link of a kind holds, by its path in the repositories."""
    base = path / ROOT / "repositories"
    return {
        str(one.parent.relative_to(base)): one.read_text() for one in sorted(base.rglob("link")) if kind in str(one)
    }


# What a server left


def test_reads_every_tag(cli_call: Call) -> None:
    found = inspected(cli_call, SOURCE)
    assert found["format"] == "registry-storage"
    for tag in TAGS:
        rows = [
            (one["manifest"], one["image_id"], one["platform"], [part["diff_id"] for part in one["layers"]])
            for one in found["images"]
            if one["references"] == [f"docker.io/corpus/app:{tag}"]
        ]
        assert rows == [(one["manifest"], one["image_id"], one["platform"], one["diff_ids"]) for one in TRUE[tag]]
    (one,) = [one for one in found["images"] if one["references"] == ["docker.io/corpus/app:schema1"]]
    assert one["manifest"] == SCHEMA1
    assert found["missing"] == []


@pytest.fixture
def modern(tmp_path: Path) -> Path:
    """The corpus' registry without the kind of manifest that nobody writes any more."""
    path = tmp_path / "registry"
    shutil.copytree(SOURCE, path)
    manifests = path / ROOT / "repositories/corpus/app/_manifests"
    shutil.rmtree(manifests / "tags/schema1")
    shutil.rmtree(manifests / "revisions/sha256" / hexed(SCHEMA1))
    return path


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive", "docker-archive", "registry-storage"])
def test_what_was_read_comes_through_every_format(form: str, modern: Path, cli_call: Call) -> None:
    there, back = modern.parent / "there", modern.parent / "back"
    options = ("--no-sync", "--compression", "keep")
    told(cli_call("convert", modern, there, "--to", form, *options))
    told(cli_call("convert", there, back, "--to", "registry-storage", *options))
    expected, found = files(modern), files(back)
    reached = {name for name in found if "/_manifests/" in name or name.endswith("/data")}
    assert {name: found[name] for name in reached} == {name: expected[name] for name in reached}
    for tag in TAGS:
        name = f"{ROOT}/repositories/corpus/app/_manifests/tags/{tag}/current/link"
        assert found[name] == expected[name]
    # Links of layers that other tags or pushes left are not ours to write; those of what comes along are.
    wanted = {one["manifest"] for tag in TAGS for one in TRUE[tag]}
    revisions = set(links(back, "/revisions/").values())
    assert wanted <= revisions
    assert set(links(back, "_layers").values()) <= set(links(modern, "_layers").values())


def test_manifests_without_a_tag_are_told_and_stay_behind(modern: Path, cli_call: Call) -> None:
    shutil.rmtree(modern / ROOT / "repositories/corpus/app/_manifests/tags/1.0")
    found = told(cli_call("audit", "--format", "json", modern))
    told_of = {one["subject"] for one in found.archive()["findings"] if one["rule"] == "manifest-untagged"}
    assert told_of == {TRUE["1.0"][0]["manifest"]}
    layout = modern.parent / "layout"
    result = told(cli_call("convert", modern, layout, "--to", "oci-layout", "--no-sync"))
    assert TRUE["1.0"][0]["manifest"] not in (layout / "index.json").read_text()
    assert "Traceback" not in result.stderr
    assert len(json.loads((layout / "index.json").read_bytes())["manifests"]) == 2


# By hand


def registry(
    path: Path, tags: Mapping[str, Node], *others: Node, without: str = "", extra: tuple[Member, ...] = ()
) -> Path:
    """Make a registry's folder: `tags` by `repository:tag`, `others` as revisions of the first repository."""
    blobs: dict[str, bytes] = {}
    members = []
    for name, node in tags.items():
        repository, _, tag = name.rpartition(":")
        base = f"{ROOT}/repositories/{repository}/_manifests"
        members.append(file(f"{base}/tags/{tag}/current/link", node.digest.encode()))
        members.append(file(f"{base}/revisions/sha256/{hexed(node.digest)}/link", node.digest.encode()))
        blobs |= node.blobs
    for node in others:
        repository = next(iter(tags), "corpus/app:").rpartition(":")[0]
        base = f"{ROOT}/repositories/{repository}/_manifests/revisions/sha256"
        members.append(file(f"{base}/{hexed(node.digest)}/link", node.digest.encode()))
        blobs |= node.blobs
    for repository in {name.rpartition(":")[0] for name in tags}:
        base = f"{ROOT}/repositories/{repository}"
        for digest, data in blobs.items():  # more than a registry needs, as links of other tags and pushes are
            place = "_manifests/revisions" if b'"schemaVersion"' in data else "_layers"
            members.append(file(f"{base}/{place}/sha256/{hexed(digest)}/link", digest.encode()))
    for digest, data in blobs.items():
        if digest != without:
            members.append(file(f"{ROOT}/blobs/sha256/{hexed(digest)[:2]}/{hexed(digest)}/data", data))
    return write_folder(path, {one.name: one for one in (*members, *extra)}.values())


APP = image("app")
NOTE = artifact(b"note", "application/vnd.example.note", subject=APP)
NOTE_ON_NOTE = artifact(b"more", "application/vnd.example.note", subject=NOTE)


def test_what_a_manifest_was_called_is_said_where_no_tag_leads_to_it_any_more(tmp_path: Path, cli_call: Call) -> None:
    """A tag was moved from OLD to APP, and the link of another one is lost."""
    old, lost, loose = image("old"), image("lost"), image("loose")
    history = [
        file(f"{ROOT}/repositories/corpus/app/_manifests/tags/{tag}/index/sha256/{hexed(one.digest)}/link", b"")
        for tag, one in (("1", APP), ("1", old), ("0.9", lost), ("2", lost))
    ]
    path = registry(tmp_path / "registry", {"corpus/app:1": APP}, old, lost, loose, extra=tuple(history))
    found = told(cli_call("audit", "--format", "json", path)).archive()["findings"]
    assert {one["subject"]: one["message"] for one in found if one["rule"] == "manifest-untagged"} == {
        old.digest: "a manifest without a tag (once corpus/app:1); --all-revisions takes it along",
        lost.digest: "a manifest without a tag (once corpus/app:0.9); --all-revisions takes it along",
        loose.digest: "a manifest without a tag; --all-revisions takes it along",
    }


def test_repositories_of_any_depth_and_names_of_any_host(tmp_path: Path, cli_call: Call) -> None:
    names = {
        "library/app:1": APP,
        "one:latest": image("one"),
        "a/b/c/d:x": image("deep"),
        "h.example/app:1": image("h"),
    }
    found = inspected(cli_call, registry(tmp_path / "registry", names))
    assert sorted(one["references"][0] for one in found["images"]) == [
        "docker.io/a/b/c/d:x",
        "docker.io/library/app:1",
        "docker.io/library/one:latest",
        "h.example/app:1",
    ]


def test_referrers_without_a_tag_come_along(tmp_path: Path, cli_call: Call) -> None:
    path = registry(tmp_path / "registry", {"corpus/app:1": APP}, NOTE, NOTE_ON_NOTE, image("untagged"))
    assert {one["manifest"] for one in inspected(cli_call, path)["artifacts"]} == {NOTE.digest, NOTE_ON_NOTE.digest}
    told(cli_call("convert", path, tmp_path / "back", "--to", "registry-storage", "--no-sync"))
    assert named(tmp_path / "back") == {"corpus/app/_manifests/tags/1/current": APP.digest}
    assert listing(tmp_path / "back") == {f"corpus/app/_manifests/tags/{tag_of(one)}/current" for one in (APP, NOTE)}
    lists = {links(tmp_path / "back", "/current")[one] for one in listing(tmp_path / "back")}
    revisions = set(links(tmp_path / "back", "/revisions/").values())
    assert revisions == {*(one.digest for one in (APP, NOTE, NOTE_ON_NOTE)), *lists}


def test_attestations_and_signatures_are_in_the_repository_of_their_image(tmp_path: Path, cli_call: Call) -> None:
    attested = index([APP, attestation(APP)])
    signed = signature(attested).annotated(**{build.REF_NAME: f"sha256-{hexed(attested.digest)}.sig"})
    bundle = artifact(b"{}", "application/vnd.dev.sigstore.bundle.v0.3+json", subject=attested)
    layout = build.layout(attested.named("docker.io/corpus/app:1", "1"), signed, bundle)
    source = write_folder(tmp_path / "layout", layout)
    told(cli_call("convert", source, tmp_path / "registry", "--to", "registry-storage", "--no-sync"))
    repositories = {name.partition("/_")[0] for name in links(tmp_path / "registry", "")}
    assert repositories == {"corpus/app"}
    assert links(tmp_path / "registry", "/current")["corpus/app/_manifests/tags/1/current"] == attested.digest
    assert {attested.digest, APP.digest, signed.digest, bundle.digest} <= set(
        links(tmp_path / "registry", "/revisions/").values()
    )


def test_every_file_of_a_folder_that_was_written(tmp_path: Path, cli_call: Call) -> None:
    source = write_folder(tmp_path / "layout", build.layout(APP.named("docker.io/library/app:1.0", "1.0")))
    told(cli_call("convert", source, tmp_path / "registry", "--to", "registry-storage", "--no-sync"))
    base = f"{ROOT}/repositories/library/app"
    expected = {
        f"{ROOT}/blobs/sha256/{hexed(digest)[:2]}/{hexed(digest)}/data": data for digest, data in APP.blobs.items()
    }
    for digest in APP.blobs:
        place = "_manifests/revisions" if digest == APP.digest else "_layers"
        expected[f"{base}/{place}/sha256/{hexed(digest)}/link"] = digest.encode()
    tag = f"{base}/_manifests/tags/1.0"
    expected[f"{tag}/current/link"] = expected[f"{tag}/index/sha256/{hexed(APP.digest)}/link"] = APP.digest.encode()
    assert files(tmp_path / "registry") == expected


def test_one_image_of_two_names_is_in_both_repositories(tmp_path: Path, cli_call: Call) -> None:
    layout = build.layout(APP.named("docker.io/library/app:1"), APP.named("h.example:5000/team/app:v1"))
    source = write_folder(tmp_path / "layout", layout)
    result = told(cli_call("convert", source, tmp_path / "registry", "--to", "registry-storage", "--no-sync"))
    assert "host h.example:5000: a registry has none in its paths" in result.stderr
    tags = links(tmp_path / "registry", "/current")
    assert tags == {
        "library/app/_manifests/tags/1/current": APP.digest,
        "team/app/_manifests/tags/v1/current": APP.digest,
    }
    assert len(list((tmp_path / "registry").rglob("data"))) == 3
    assert len(links(tmp_path / "registry", "_layers")) == 4


CLASHES: dict[str, tuple[list[Node], str]] = {
    "hosts-fall-together": (
        [APP.named("docker.io/team/app:1"), image("other").named("h.example/team/app:1")],
        "two images would have the name team/app:1",
    ),
    "no-name": ([APP], "has no name to store it under"),
    "bare-ref-name": ([APP.named(ref_name="1.0")], "1.0 has no name to store it under"),
    "referrer-of-something-else": (
        [image("other").named("docker.io/corpus/app:1"), NOTE],
        f"{NOTE.digest} has no name to store it under",
    ),
}


@pytest.mark.parametrize("name", CLASHES)
def test_what_has_no_place_of_its_own_is_refused(name: str, tmp_path: Path, cli_call: Call) -> None:
    roots, message = CLASHES[name]
    source = write_folder(tmp_path / "layout", build.layout(*roots))
    dest = tmp_path / "registry"
    assert message in refused(cli_call("convert", source, dest, "--to", "registry-storage"), 2, dest)


def test_a_tag_gives_a_name(tmp_path: Path, cli_call: Call) -> None:
    source = write_folder(tmp_path / "layout", build.layout(APP, NOTE))
    told(cli_call("convert", source, tmp_path / "r", "--to", "registry-storage", "--tag", "corpus/app:1", "--no-sync"))
    assert named(tmp_path / "r") == {"corpus/app/_manifests/tags/1/current": APP.digest}
    assert listing(tmp_path / "r") == {f"corpus/app/_manifests/tags/{tag_of(APP)}/current"}


# Damage


def test_a_tag_whose_manifest_is_gone(tmp_path: Path, cli_call: Call) -> None:
    path = registry(tmp_path / "registry", {"corpus/app:1": APP}, without=APP.digest)
    found = told(cli_call("audit", "--format", "json", path), 1)
    assert found.rules("error")
    assert [one["manifest"] for one in found.archive()["missing"]] == [APP.digest]


BAD_LINKS = {
    "empty": b"",
    "no-digest": b"hello",
    "newline": f"{APP.digest}\n".encode(),
    "not-ascii": b"sha256:\xff",
    "too-long": b"sha256:" + b"a" * 300,
}


@pytest.mark.parametrize("name", BAD_LINKS)
@pytest.mark.parametrize("place", ["tags/2/current", f"revisions/sha256/{'0' * 64}"])
def test_a_link_that_is_no_digest(name: str, place: str, tmp_path: Path, cli_call: Call) -> None:
    bad = file(f"{ROOT}/repositories/corpus/app/_manifests/{place}/link", BAD_LINKS[name])
    path = registry(tmp_path / "registry", {"corpus/app:1": APP}, extra=(bad,))
    found = told(cli_call("audit", "--format", "json", path), 1)
    errors = [one for one in found.archive()["findings"] if one["severity"] == "error"]
    assert len(errors) == 1
    assert place in errors[0]["location"]
    assert [one["manifest"] for one in found.archive()["images"]] == [APP.digest]


def test_what_servers_leave_beside_is_passed_over(tmp_path: Path, cli_call: Call) -> None:
    extra = (
        file(f"{ROOT}/repositories/corpus/app/_uploads/0f/startedat", b"now"),
        file(f"{ROOT}/repositories/corpus/app/_manifests/tags/1/index/sha256/{hexed(APP.digest)}/link", b""),
        file("docker/other", b""),
    )
    path = registry(tmp_path / "registry", {"corpus/app:1": APP}, extra=extra)
    found = told(cli_call("audit", "--format", "json", path))
    assert found.rules("error") == set()
    assert [one["references"] for one in found.archive()["images"]] == [["docker.io/corpus/app:1"]]


def test_a_link_outside_is_not_followed(tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "outside").write_text(APP.digest)
    path = registry(tmp_path / "registry", {"corpus/app:1": APP})
    folder = path / ROOT / "repositories/corpus/app/_manifests/tags/2/current"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "outside")
    found = told(cli_call("audit", "--format", "json", path), 1)
    assert found.rules("error") == {"link-escapes"}
    assert len(found.archive()["images"]) == 1


# What a registry could not serve


def two(path: Path, *extra: Member) -> Path:
    """Make two repositories which share their base layer; `extra` replaces files."""
    return registry(path, {"corpus/app:1": APP, "corpus/web:1": image("web")}, extra=extra)


def link(repository: str, place: str, data: bytes = b"") -> Member:
    return file(f"{ROOT}/repositories/{repository}/{place}/link", data)


APP_CONFIG, APP_LAYER = (f"_layers/sha256/{hexed(one)}" for one in (APP.document["config"]["digest"], BASE.digest))
APP_REVISION = f"_manifests/revisions/sha256/{hexed(APP.digest)}"
UNSERVED = {
    "layer": (APP_LAYER, "a layer"),
    "config": (APP_CONFIG, "a config"),
    "manifest": (APP_REVISION, "a manifest"),
}


@pytest.mark.parametrize("held", [None, b"", b"hello", f"sha256:{'0' * 64}".encode()])
@pytest.mark.parametrize("name", UNSERVED)
def test_a_blob_that_its_repository_does_not_link(
    name: str, held: bytes | None, tmp_path: Path, cli_call: Call
) -> None:
    place, what = UNSERVED[name]
    path = two(tmp_path / "registry")
    member = path / ROOT / f"repositories/corpus/app/{place}/link"
    member.unlink()
    if held is not None:
        member.write_bytes(held)
    found = told(cli_call("audit", "--format", "json", path), 1).archive()["findings"]
    (one,) = [one for one in found if one["severity"] == "error"]
    assert one["rule"] == ("registry-link-missing" if held is None else "registry-link-malformed")
    assert one["location"] == f"{path}: {member.relative_to(path)}"
    assert what in one["message"]
    dest = tmp_path / "dest"
    line = refused(cli_call("convert", path, dest, "--to", "oci-layout", "--no-sync"), 1, dest)
    assert line.endswith(f"({one['location']})")
    # Another repository, though it holds the same layer, is not touched by that.
    result = told(cli_call("convert", f"{path}#corpus/web:1", dest, "--to", "oci-layout", "--no-sync"))
    assert f"what is not taken along is at fault: {one['rule']}" in result.stderr


@pytest.mark.parametrize("held", [b"", b"hello"])
def test_a_tag_that_leads_nowhere_stops_nothing_but_itself(held: bytes, tmp_path: Path, cli_call: Call) -> None:
    path = two(tmp_path / "registry", link("corpus/app", "_manifests/tags/2/current", held))
    where = f"{path}: {ROOT}/repositories/corpus/app/_manifests/tags/2/current/link"
    dest = tmp_path / "dest"
    for name in ("corpus/web:1", "corpus/app:1"):
        told(cli_call("convert", f"{path}#{name}", dest, "--to", "oci-layout", "--no-sync", "--force"))
    shutil.rmtree(dest)
    for asked in (path, f"{path}#corpus/app:2"):
        line = refused(cli_call("convert", asked, dest, "--to", "oci-layout", "--no-sync"), 1, dest)
        assert line.endswith(f"({where})")


@pytest.mark.parametrize("held", [b"", f"sha256:{'0' * 64}".encode()])
def test_a_revision_that_nothing_needs_stops_nothing(held: bytes, tmp_path: Path, cli_call: Call) -> None:
    path = two(tmp_path / "registry", link("corpus/app", f"_manifests/revisions/sha256/{'0' * 64}", held))
    found = told(cli_call("audit", "--format", "json", path), 1)
    rule = "registry-link-dangling" if held else "registry-link-malformed"
    assert found.rules("error") == {rule}
    result = told(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout", "--no-sync"))
    assert f"what is not taken along is at fault: {rule}" in result.stderr


def test_every_layer_without_a_link_is_a_finding(tmp_path: Path, cli_call: Call) -> None:
    path = two(tmp_path / "registry")
    shutil.rmtree(path / ROOT / "repositories/corpus/app/_layers")
    found = told(cli_call("audit", "--format", "json", path), 1).archive()["findings"]
    assert [one["subject"] for one in found if one["rule"] == "registry-link-missing"] == [
        APP.document["config"]["digest"],
        BASE.digest,
    ]


def test_an_alias_of_another_algorithm_holds_the_usual_digest(tmp_path: Path, cli_call: Call) -> None:
    alias = link("corpus/app", f"_manifests/revisions/sha512/{'0' * 128}", APP.digest.encode())
    told(cli_call("audit", "--format", "json", two(tmp_path / "registry", alias)))


# What no tag names

LOOSE, OLD = image("loose"), image("old")
NOTE_ON_LOOSE = artifact(b"loose", "application/vnd.example.note", subject=LOOSE)
LIST = index([OLD, image("old arm", build.ARM64)])
LOOSE_ONES = (LOOSE, NOTE_ON_LOOSE, LIST, OLD)


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    """A registry with a tag, what refers to its image, and an image, a note on it and an index that no tag names."""
    return registry(tmp_path / "registry", {"corpus/app:1": APP}, NOTE, *LOOSE_ONES)


def listed(call: Call, path: Path, *options: str) -> set[str]:
    found = (
        inspected(call, path) if not options else told(call("inspect", "--format", "json", path, *options)).archive()
    )
    return {one["manifest"] for kind in ("images", "artifacts") for one in found[kind]}


def test_what_no_tag_names_is_counted_and_listed_on_request(loose: Path, cli_call: Call) -> None:
    result = told(cli_call("inspect", loose))
    assert "3 manifests without a tag: --all-revisions lists them" in result.stderr
    assert result.stderr.count("notice: ") == 1
    assert listed(cli_call, loose) == {APP.digest, NOTE.digest}
    children = {one["digest"] for one in LIST.document["manifests"]}
    assert listed(cli_call, loose, "--all-revisions") == {
        APP.digest,
        NOTE.digest,
        LOOSE.digest,
        *children,
        NOTE_ON_LOOSE.digest,
    }
    found = ociarchive.inspect(loose, all_revisions=True)["images"]
    assert isinstance(found, list)
    assert len(found) == 4
    assert "without a tag" not in told(cli_call("inspect", loose, "--all-revisions")).stderr


def test_what_no_tag_names_is_left_behind_and_said(loose: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = tmp_path / "dest", tmp_path / "receipt.json"
    result = told(cli_call("convert", loose, dest, "--to", "oci-layout", "--no-sync", "-v", "--receipt", receipt))
    left = {f"corpus/app@{one.digest}" for one in (LOOSE, NOTE_ON_LOOSE, LIST)}
    (line,) = [line for line in result.stderr.splitlines() if "have no tag" in line]
    assert line.startswith("notice: 3 manifests have no tag and stay behind: ")
    assert "--all-revisions" in line
    assert all(one in line for one in left)
    assert {one["what"] for one in json.loads(receipt.read_bytes())["left_out"]} == left
    assert listed(cli_call, dest) == {APP.digest, NOTE.digest}
    selected = told(cli_call("convert", f"{loose}#corpus/app:1", tmp_path / "one", "--to", "oci-layout", "--no-sync"))
    assert "no tag" not in selected.stderr


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive", "docker-archive", "registry-storage"])
def test_all_revisions_come_along(form: str, loose: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = tmp_path / "dest", tmp_path / "receipt.json"
    options = ("--to", form, "--all-revisions", "--no-sync", "--receipt", receipt)
    assert "no tag" not in told(cli_call("convert", loose, dest, *options)).stderr
    every = ("--all-revisions",) if form == "registry-storage" else ()
    assert listed(cli_call, dest, *every) == listed(cli_call, loose, "--all-revisions")
    assert json.loads(receipt.read_bytes())["left_out"] == []
    if form == "registry-storage":
        assert named(dest) == named(loose)
        assert listing(dest) == {f"corpus/app/_manifests/tags/{tag_of(one)}/current" for one in (APP, LOOSE)}
        lists = {links(dest, "/current")[one] for one in listing(dest)}
        before = links(loose, "/revisions/")
        after = {name: digest for name, digest in links(dest, "/revisions/").items() if digest not in lists}
        assert after == before


def test_a_revision_is_selected_by_its_digest(loose: Path, tmp_path: Path, cli_call: Call) -> None:
    child = LIST.document["manifests"][1]["digest"]
    for number, (digest, wanted) in enumerate(
        (
            (LOOSE.digest, {LOOSE.digest, NOTE_ON_LOOSE.digest}),
            (child, {child}),
            (APP.digest, {APP.digest, NOTE.digest}),
        )
    ):
        dest = tmp_path / str(number)
        result = told(cli_call("convert", f"{loose}#{digest}", dest, "--to", "oci-layout", "--no-sync"))
        assert listed(cli_call, dest) == wanted
        assert "no tag" not in result.stderr
        assert "is not taken" not in result.stderr
    assert told(cli_call("inspect", "--raw", f"{loose}#{LOOSE.digest}")).raw == LOOSE.blobs[LOOSE.digest]
    told(cli_call("diff", f"{loose}#{LOOSE.digest}", tmp_path / "0"))
    options = ("--to", "registry-storage", "--no-sync", "--tag", "corpus/loose:1")
    told(cli_call("convert", f"{loose}#{LOOSE.digest}", tmp_path / "named", *options))
    assert named(tmp_path / "named") == {"corpus/loose/_manifests/tags/1/current": LOOSE.digest}
    assert listing(tmp_path / "named") == {f"corpus/loose/_manifests/tags/{tag_of(LOOSE)}/current"}


def test_the_audit_proves_what_no_tag_names(loose: Path, tmp_path: Path, cli_call: Call) -> None:
    found = told(cli_call("audit", "--format", "json", loose)).archive()
    assert all(part["verified"] for one in found["images"] for part in one["layers"])
    assert LOOSE.digest in {one["manifest"] for one in found["images"]}
    assert {one["subject"] for one in found["findings"] if one["rule"] == "manifest-untagged"} == {
        LOOSE.digest,
        LIST.digest,
    }
    told(cli_call("audit", f"{loose}#{LOOSE.digest}"))
    bad = Image(
        layers=[layer({"bad": b"bad"}, "gzip")], config_members={"rootfs": {"type": "layers", "diff_ids": [APP.digest]}}
    )
    path = registry(tmp_path / "bad", {"corpus/app:1": APP}, bad.node())
    assert told(cli_call("audit", "--format", "json", path), 1).rules("error") == {"diff-id-mismatch"}
    assert "1 error found" in refused(cli_call("inspect", "--verify", path), 1)
    # what is not taken along does not stop a conversion, what is does
    told(cli_call("convert", path, tmp_path / "without", "--to", "oci-layout", "--no-sync"))
    refused(cli_call("convert", path, tmp_path / "with", "--to", "oci-layout", "--all-revisions"), 1, tmp_path / "with")


def test_a_registry_without_any_tag_says_what_to_do(tmp_path: Path, cli_call: Call) -> None:
    path = registry(tmp_path / "registry", {"corpus/app:1": APP})
    shutil.rmtree(path / ROOT / "repositories/corpus/app/_manifests/tags")
    dest = tmp_path / "dest"
    assert "--all-revisions" in refused(cli_call("convert", path, dest, "--to", "oci-layout"), 1, dest)
    told(cli_call("convert", path, dest, "--to", "oci-layout", "--all-revisions", "--no-sync"))
    assert listed(cli_call, dest) == {APP.digest}


def test_a_revision_of_two_repositories_is_one_image_and_has_two_places(tmp_path: Path, cli_call: Call) -> None:
    other = f"{ROOT}/repositories/corpus/web"
    extra = [file(f"{other}/_manifests/revisions/sha256/{hexed(LOOSE.digest)}/link", LOOSE.digest.encode())]
    extra += [
        file(f"{other}/_layers/sha256/{hexed(one)}/link", one.encode()) for one in LOOSE.blobs if one != LOOSE.digest
    ]
    path = registry(tmp_path / "registry", {"corpus/app:1": APP}, LOOSE, extra=tuple(extra))
    options = ("--all-revisions", "--no-sync")
    told(cli_call("convert", path, tmp_path / "layout", "--to", "oci-layout", *options))
    assert len(json.loads((tmp_path / "layout/index.json").read_bytes())["manifests"]) == 2
    told(cli_call("convert", path, tmp_path / "back", "--to", "registry-storage", *options))
    assert links(tmp_path / "back", "/revisions/") == links(path, "/revisions/")
    moved = (*options, "--rename", "corpus/app:*=team/app:*")
    told(cli_call("convert", path, tmp_path / "moved", "--to", "registry-storage", *moved))
    repositories = {name.partition("/_")[0] for name in links(tmp_path / "moved", "/revisions/")}
    assert repositories == {"team/app", "corpus/web"}


# A fault in one place

LOOSE_REVISION = f"_manifests/revisions/sha256/{hexed(LOOSE.digest)}"
LOOSE_CONFIG = LOOSE.document["config"]["digest"]


def stored(digest: str, data: bytes | None) -> tuple[str, bytes | None]:
    return f"blobs/sha256/{hexed(digest)[:2]}/{hexed(digest)}/data", data


def linked(place: str, data: bytes | None) -> tuple[str, bytes | None]:
    return f"repositories/corpus/app/{place}/link", data


#: What is damaged in the repository corpus/app (None: it is gone), and the rule that says so.
FAULTS: dict[str, tuple[tuple[str, bytes | None], str]] = {
    "tag-empty": (linked("_manifests/tags/1/current", b""), "registry-link-malformed"),
    "tag-that-climbs": (
        linked("_manifests/tags/1/current", b"sha256:../../../../etc/passwd"),
        "registry-link-malformed",
    ),
    "tag-to-nothing": (linked("_manifests/tags/1/current", f"sha256:{'0' * 64}".encode()), "blob-missing"),
    "revision-gone": (linked(APP_REVISION, None), "registry-link-missing"),
    "revision-empty": (linked(APP_REVISION, b""), "registry-link-malformed"),
    "config-link-gone": (linked(APP_CONFIG, None), "registry-link-missing"),
    "config-link-empty": (linked(APP_CONFIG, b""), "registry-link-malformed"),
    "config-gone": (stored(APP.document["config"]["digest"], None), "blob-missing"),
    "config-changed": (stored(APP.document["config"]["digest"], b"{}"), "digest-mismatch"),
    "manifest-gone": (stored(APP.digest, None), "blob-missing"),
    "manifest-no-json": (stored(APP.digest, b"<html>"), "json-invalid"),
    "loose-revision-empty": (linked(LOOSE_REVISION, b""), "registry-link-malformed"),
    "loose-manifest-gone": (stored(LOOSE.digest, None), "registry-link-dangling"),
    "loose-manifest-no-json": (stored(LOOSE.digest, b"<html>"), "json-invalid"),
    "loose-config-gone": (stored(LOOSE_CONFIG, None), "blob-missing"),
    "loose-config-changed": (stored(LOOSE_CONFIG, b"{}"), "digest-mismatch"),
    "loose-layer-link-gone": (linked(f"_layers/sha256/{hexed(LOOSE_CONFIG)}", None), "registry-link-missing"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_one_repository_stops_no_other(name: str, tmp_path: Path, cli_call: Call) -> None:
    (place, data), rule = FAULTS[name]
    web, dest = image("web"), tmp_path / "dest"
    path = registry(tmp_path / "registry", {"corpus/app:1": APP, "corpus/web:1": web}, LOOSE)
    damaged = path / ROOT / place
    damaged.unlink()
    if data is not None:
        damaged.write_bytes(data)
    assert rule in told(cli_call("audit", "--format", "json", path), 1).rules("error")
    told(cli_call("convert", f"{path}#corpus/web:1", dest, "--to", "oci-layout", "--no-sync"))
    assert listed(cli_call, dest) == {web.digest}
    whole = cli_call("convert", path, tmp_path / "whole", "--to", "oci-layout", "--no-sync")
    told(whole, 0 if name.startswith("loose") else 1)
    if name not in ("loose-revision-empty", "loose-manifest-gone", "tag-empty", "tag-that-climbs"):
        every = cli_call("convert", path, tmp_path / "every", "--to", "oci-layout", "--no-sync", "--all-revisions")
        refused(every, 1, tmp_path / "every")
    assert "Traceback" not in cli_call("inspect", path, "--all-revisions").stderr
