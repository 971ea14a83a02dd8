"""`--rename`: other names in DEST, in every format, for what is named and for what follows a name."""

import json
from pathlib import Path

import pytest

import ociarchive
from ociarchive.errors import UsageError
from ociarchive.formats import FORMATS
from ociarchive.transform.naming import parse, parse_all
from ociarchive.values import Reference
from tests.support import build
from tests.support.build import Image, Node, Saved, hexed, layer
from tests.support.call import Call, refused, told
from tests.support.tar import write_folder, write_tar

BASE = layer({"base": b"base"}, "gzip")
A, B, C = "docker.io/corpus/a:1", "docker.io/corpus/b:1", "registry.example.org/team/c:1"


def image(label: str) -> Node:
    return Image(layers=[BASE], config_members={"author": label}).node()


ONE, TWO, THREE = (image(label) for label in ("one", "two", "three"))


def source(folder: Path, *roots: Node, name: str = "source.tar") -> Path:
    return write_tar(folder / name, build.layout(*roots))


def names(call: Call, path: Path) -> dict[str, str]:
    """Give the manifest of each name."""
    found = told(call("inspect", "--format", "json", path)).archive()
    kinds = (*found["images"], *found["artifacts"])
    return {name: one["manifest"] for one in kinds for name in one.get("references", [])}


# OLD=NEW, a name, what it becomes (None: it does not fit)
RULES: list[tuple[str, str, str | None]] = [
    ("docker.io/corpus/a:1=web:2", A, "docker.io/library/web:2"),
    ("corpus/a:1=web", A, "docker.io/library/web:latest"),
    ("a=b", "docker.io/library/a:latest", "docker.io/library/b:latest"),
    ("a=b", "docker.io/library/a:1", None),
    ("a:*=b:*", "docker.io/library/a:1", "docker.io/library/b:1"),
    ("library/*=r.example/x/*", "docker.io/library/a:1", "r.example/x/a:1"),
    ("docker.io/*=r.example/*", "docker.io/library/a:1", "r.example/library/a:1"),
    ("docker.io/*=r.example/*", C, None),
    ("*=r.example/*", C, "r.example/registry.example.org/team/c:1"),
    ("corpus/*=web:1", A, "docker.io/library/web:1"),
    ("docker.io/corpus/a=b", A, None),
]


@pytest.mark.parametrize(("text", "name", "wanted"), RULES)
def test_what_a_rule_fits(text: str, name: str, wanted: str | None) -> None:
    rule, reference = parse(text), Reference.parse(name)
    spelled = (name, name.removeprefix("docker.io/"), reference.familiar)
    rest = rule.rest(spelled)
    assert (None if rest is None else str(rule.name(rest))) == wanted


WRONG = {
    "no-equals": ("app:1", "takes OLD=NEW"),
    "no-old": ("=app:1", "takes OLD=NEW"),
    "no-new": ("app:1=", "takes OLD=NEW"),
    "two-equals": ("a=b=c", "takes OLD=NEW"),
    "a-star-inside": ("a*b=c", "at the end of a name alone"),
    "a-star-inside-of-new": ("a*=b*c", "at the end of a name alone"),
    "a-star-for-nothing": ("a=b*", "stands for that of OLD, which has none"),
    "capitals": ("a=Web:1", "use small letters: web:1"),
    "a-digest": (f"a=web@sha256:{'0' * 64}", "without a digest"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_rename(name: str, tmp_path: Path, cli_call: Call) -> None:
    text, words = WRONG[name]
    path, dest = source(tmp_path, ONE.named(A)), tmp_path / "dest"
    line = refused(cli_call("convert", path, dest, "--to", "oci-layout", "--rename", text), 2, dest)
    assert words in line
    with pytest.raises(UsageError, match="--rename") as caught:
        ociarchive.convert(path, dest, to="oci-layout", rename=text)
    assert line == f"error: {caught.value}"


def test_two_renames_of_one_name_are_refused() -> None:
    assert len(parse_all(["a=b", "a=b", "a*=b*"])) == 2
    with pytest.raises(UsageError, match="--rename a=b and --rename a=c are of one name"):
        parse_all(["a=b", "a=c"])


@pytest.mark.parametrize("form", [fmt.name for fmt in FORMATS if fmt.layout is not None and not fmt.alone])
def test_every_format_has_the_new_names(form: str, tmp_path: Path, cli_call: Call) -> None:
    path, dest, receipt = source(tmp_path, ONE.named(A, "1"), TWO.named(B, "1")), tmp_path / "dest", tmp_path / "r.json"
    options = ("--no-sync", "--rename", "corpus/*=docker.io/team/*", "--rename", "corpus/b:1=docker.io/other/b:2")
    told(cli_call("convert", path, dest, "--to", form, *options, "--receipt", receipt))
    new = {"docker.io/team/a:1": ONE.digest, "docker.io/other/b:2": TWO.digest}
    assert names(cli_call, dest) == new
    found = json.loads(receipt.read_bytes())
    assert found["renames"] == [
        {"old": A, "new": "docker.io/team/a:1", "source": str(path)},
        {"old": B, "new": "docker.io/other/b:2", "source": str(path)},
    ]
    assert (found["sources"][0]["names"], found["destination"]["names"]) == ([A, B], list(new))
    assert told(cli_call("audit", "--format", "json", dest)).rules() == set()


def test_a_docker_archive_without_manifests_is_renamed(tmp_path: Path, cli_call: Call) -> None:
    saved = build.docker_archive(Saved(image=Image(layers=[BASE]), tags=["corpus/a:1", "corpus/a:2"]))
    path, dest = write_tar(tmp_path / "saved.tar", saved), tmp_path / "dest.tar"
    told(cli_call("convert", path, dest, "--to", "docker-archive", "--no-sync", "--rename", "corpus/a:2=web:2"))
    assert set(names(cli_call, dest)) == {A, "docker.io/library/web:2"}


def test_a_bare_ref_name_gets_a_full_name(tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, ONE.named(ref_name="1.0")), tmp_path / "dest"
    told(cli_call("convert", path, dest, "--to", "registry-storage", "--no-sync", "--rename", "1.0=corpus/a:1.0"))
    assert names(cli_call, dest) == {"docker.io/corpus/a:1.0": ONE.digest}


def test_a_dir_has_no_names_to_rename(tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, ONE.named(A)), tmp_path / "dest"
    result = told(cli_call("convert", path, dest, "--to", "dir", "--no-sync", "--rename", "corpus/a:1=web:1"))
    assert "name docker.io/library/web:1: a dir has no place for it" in result.stderr


def test_names_may_be_exchanged(tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, ONE.named(A), TWO.named(B)), tmp_path / "dest"
    options = ("--rename", "corpus/a:1=corpus/b:1", "--rename", "corpus/b:1=corpus/a:1")
    told(cli_call("convert", path, dest, "--to", "oci-layout", "--no-sync", *options))
    assert names(cli_call, dest) == {A: TWO.digest, B: ONE.digest}


def test_two_names_of_one_image_become_one(tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, ONE.named(A), ONE.named(B)), tmp_path / "dest"
    told(cli_call("convert", path, dest, "--to", "oci-layout", "--no-sync", "--rename", "corpus/b:1=corpus/a:1"))
    entries = json.loads((dest / "index.json").read_bytes())["manifests"]
    assert [one["annotations"][build.CONTAINERD_NAME] for one in entries] == [A]


def test_a_rename_that_fits_nothing_lists_the_names(tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, ONE.named(A), TWO.named(B)), tmp_path / "dest"
    for text in ("corpus/c:1=web:1", "corpus/a=web:1", "ghcr.io/*=r.example/*"):
        line = refused(cli_call("convert", path, dest, "--to", "oci-layout", "--rename", text), 2, dest)
        assert f"--rename {text} fits no name, there is {A}, {B}" in line
    shadowed = ("--rename", "corpus/*=docker.io/x/*", "--rename", "docker.io/corpus/*=docker.io/y/*")
    line = refused(cli_call("convert", path, dest, "--to", "oci-layout", *shadowed), 2, dest)
    assert "--rename corpus/*=docker.io/x/* fits no name" in line


@pytest.mark.parametrize("form", ["oci-layout", "docker-archive", "registry-storage"])
def test_names_that_meet_are_named_with_their_sources(form: str, tmp_path: Path, cli_call: Call) -> None:
    first, second = source(tmp_path, ONE.named(A)), source(tmp_path, TWO.named(B), name="second.tar")
    dest = tmp_path / "dest"
    options = ("--to", form, "--rename", "corpus/b:1=corpus/a:1")
    line = refused(cli_call("convert", first, second, dest, *options), 2, dest)
    assert f"{A} ({first}) and {B} ({second})" in line
    both = ("--to", form, "--rename", "corpus/*=web:1")
    line = refused(cli_call("convert", source(tmp_path, ONE.named(A), TWO.named(B)), dest, *both), 2, dest)
    assert f"{A} ({first}) and {B} ({first})" in line


def test_names_that_fall_together_in_a_registry_are_listed_with_their_sources(tmp_path: Path, cli_call: Call) -> None:
    hub, other = (f"{host}/library/app" for host in ("docker.io", "ghcr.io"))
    first = source(tmp_path, ONE.named(f"{hub}:1.0"), ONE.named(f"{hub}:2.0"))
    second = source(tmp_path, TWO.named(f"{other}:1.0"), TWO.named(f"{other}:2.0"), name="second.tar")
    dest = tmp_path / "dest"
    line = refused(cli_call("convert", first, second, dest, "--to", "registry-storage"), 2, dest)
    assert f"two images would have the name library/app:1.0 in a registry: {hub}:1.0 ({first})" in line
    assert f"{other}:1.0 ({second}), and library/app:2.0 from {hub}:2.0 ({first}) and {other}:2.0 ({second})" in line
    way_out = ("--rename", "ghcr.io/*=ghcr.io/mirror/*", "--no-sync")
    told(cli_call("convert", first, second, dest, "--to", "registry-storage", *way_out))
    assert set(names(cli_call, dest)) == {
        *(f"{hub}:{tag}" for tag in ("1.0", "2.0")),
        *(f"docker.io/mirror/library/app:{tag}" for tag in ("1.0", "2.0")),
    }


def test_one_image_of_two_archives_may_have_one_name_in_a_registry(tmp_path: Path, cli_call: Call) -> None:
    first = source(tmp_path, ONE.named("docker.io/library/app:1"))
    second = source(tmp_path, ONE.named("ghcr.io/library/app:1"), name="second.tar")
    told(cli_call("convert", first, second, tmp_path / "dest", "--to", "registry-storage", "--no-sync"))
    assert names(cli_call, tmp_path / "dest") == {"docker.io/library/app:1": ONE.digest}


def test_a_new_name_follows_the_grammar_of_the_format(tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, ONE.named(A)), tmp_path / "dest"
    given = ("--no-sync", "--rename", "corpus/a:1=corpus/a__b:1")
    assert "a ref.name is" in refused(cli_call("convert", path, dest, "--to", "oci-layout", *given), 2, dest)
    told(cli_call("convert", path, dest, "--to", "registry-storage", *given))
    assert names(cli_call, dest) == {"docker.io/corpus/a__b:1": ONE.digest}
    # a name that is no ref.name already stays as it is where only its beginning changes
    carried = ("--no-sync", "--rename", "corpus/*=docker.io/team/*")
    told(cli_call("convert", dest, tmp_path / "again", "--to", "oci-layout", *carried))


def test_tag_and_rename_together_are_refused(tmp_path: Path, cli_call: Call) -> None:
    path, dest = source(tmp_path, ONE.named(A)), tmp_path / "dest"
    options = ("--to", "oci-layout", "--tag", "web:1", "--rename", "corpus/a:1=web:2")
    assert "leave one of them out" in refused(cli_call("convert", path, dest, *options), 2, dest)


def test_signatures_follow_their_image_into_its_repository(tmp_path: Path, cli_call: Call) -> None:
    tag = f"sha256-{hexed(ONE.digest)}.sig"
    signed = build.signature(ONE).named(f"docker.io/corpus/a:{tag}")
    path, dest = source(tmp_path, ONE.named(A), signed), tmp_path / "dest"
    told(cli_call("convert", path, dest, "--to", "registry-storage", "--no-sync", "--rename", f"{A}=team/a:2"))
    tags = dest / "docker/registry/v2/repositories/team/a/_manifests/tags"
    assert sorted(one.name for one in tags.iterdir()) == ["2", tag]
    assert not (dest / "docker/registry/v2/repositories/corpus").exists()


def test_tags_that_would_follow_to_very_many_places_are_refused(tmp_path: Path, cli_call: Call) -> None:
    tag = f"sha256-{hexed(ONE.digest)}.sig"
    signed = [build.signature(ONE).annotated(n=str(n)).named(f"docker.io/corpus/a:{tag}") for n in range(20)]
    path = source(tmp_path, *(ONE.named(f"docker.io/corpus/a:1{number}") for number in range(20)), *signed)
    rename = ("--to", "oci-layout", "--no-sync", "--rename", "corpus/a:1*=corpus/b*")
    dest = tmp_path / "dest"
    told(cli_call("convert", path, dest, *rename))
    entries = json.loads((dest / "index.json").read_bytes())["manifests"]
    found = [one["annotations"][build.CONTAINERD_NAME].partition(":") for one in entries]
    assert sorted(set(found)) == sorted(found)
    assert {place for place, _, name in found if name == tag} == {f"docker.io/corpus/b{number}" for number in range(20)}
    line = refused(cli_call("convert", path, tmp_path / "no", *rename, "--limit", "listed=300"), 1, tmp_path / "no")
    assert "tags made of digests follow names to more than the 300 places allowed" in line


def test_what_cosign_attached_follows_the_name(tmp_path: Path, cli_call: Call) -> None:
    cosign = {"kind": "dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageRef": A}
    attached = {**cosign, "kind": "dev.cosignproject.cosign/sigs"}
    path = write_folder(
        tmp_path / "saved", build.layout(ONE.annotated(**cosign), build.signature(ONE).annotated(**attached))
    )
    dest = tmp_path / "dest"
    told(cli_call("convert", path, dest, "--to", "oci-layout", "--no-sync", "--rename", "corpus/a:1=team/a:2"))
    entries = json.loads((dest / "index.json").read_bytes())["manifests"]
    assert entries[1]["annotations"]["dev.cosignproject.cosign/imageRef"] == "docker.io/team/a:2"
    assert A not in (dest / "index.json").read_text()


def test_a_rehearsal_shows_the_new_name(tmp_path: Path, cli_call: Call) -> None:
    path = source(tmp_path, ONE.named(A))
    options = ("--to", "oci-layout", "--dry-run", "--rename", "corpus/a:1=web:1")
    assert "docker.io/library/web:1" in told(cli_call("convert", path, tmp_path / "dest", *options)).stdout


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive", "docker-archive"])
def test_a_digest_in_a_name_follows_what_it_is_of(form: str, tmp_path: Path, cli_call: Call) -> None:
    """A name that says another digest than what it leads to is taken at its word by engines that look names up."""
    pinned = f"docker.io/corpus/a@{ONE.digest}"
    path, kept, dest = source(tmp_path, ONE.named(pinned, pinned), TWO.named(B)), tmp_path / "kept", tmp_path / "dest"
    told(cli_call("convert", path, kept, "--to", form, "--no-sync"))
    assert names(cli_call, kept) == {pinned: ONE.digest, B: TWO.digest}
    done = told(cli_call("convert", path, dest, "--to", form, "--no-sync", "--compression", "none"))
    found = names(cli_call, dest)
    (moved,) = found.keys() - {B}
    assert moved == f"docker.io/corpus/a@{found[moved]}"
    assert moved != pinned
    assert "the name has a digest" not in done.stderr


def test_a_name_with_the_digest_of_something_else_is_said(tmp_path: Path, cli_call: Call) -> None:
    """What podman saves of one platform has the name by which it was pulled, with the digest of the index."""
    pinned = f"docker.io/corpus/a@{TWO.digest}"
    path, dest = source(tmp_path, ONE.named(pinned, pinned)), tmp_path / "dest"
    done = told(cli_call("convert", path, dest, "--to", "oci-layout", "--no-sync"))
    assert names(cli_call, dest) == {pinned: ONE.digest}
    told_of = f"docker.io/corpus/a@{TWO.digest[:19]}: the name has a digest, and what it leads to has another"
    assert f"{told_of}: {ONE.digest[:19]}" in done.stderr
