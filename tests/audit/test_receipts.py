"""Cheating: whatever is changed of what DEST is called or holds, the receipt that was written before finds it."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ociarchive.auditing import bound
from ociarchive.auditing.holding import Entry, Holding
from tests.support import build, oracle, signing
from tests.support.build import AMD64, ARM64, Image, Json, Node, digest, dumped, index, layer, layout
from tests.support.call import Call, told
from tests.support.parts import cut
from tests.support.shelf import REF_NAME, Shelf
from tests.support.tar import write_tar

APP, OTHER, NEW = "docker.io/corpus/app:1.0", "docker.io/corpus/other:2.0", "docker.io/corpus/new:3.0"
MULTI = "docker.io/corpus/multi:1.0"
BASE = layer({"etc/name": b"base"}, "gzip")
ONE, TWO, THREE = (Image(layers=[BASE, layer({name: name.encode()}, "gzip")]) for name in ("one", "two", "three"))
BOTH = index(
    [
        Image(layers=[layer({"amd": b"64"}, "gzip")], platform=AMD64).node(platform=AMD64.members()),
        Image(layers=[layer({"arm": b"64"}, "gzip")], platform=ARM64).node(platform=ARM64.members()),
    ]
)
NOTES = "org.example.note"
LAYOUTS = ("oci-layout", "oci-archive")
INDEXED = (*LAYOUTS, "docker-archive")
NAMED = (*INDEXED, "registry-storage")
ALL = (*NAMED, "dir")


def named(node: Node, name: str) -> Node:
    return node.named(name, name)


# What is done to an archive.


def swap(shelf: Shelf) -> None:
    one, other = shelf.untag(APP), shelf.untag(OTHER)
    shelf.tag(APP, other)
    shelf.tag(OTHER, one)


def rename(shelf: Shelf) -> None:
    shelf.tag(NEW, shelf.untag(APP))


def add_tag(shelf: Shelf) -> None:
    descriptor = shelf.untag(APP)
    shelf.tag(APP, descriptor)
    shelf.tag(NEW, descriptor)


def add_image(shelf: Shelf) -> None:
    shelf.add(THREE.node(), NEW)


def _link_of_other(name: str) -> bool:
    return "corpus/other/" in name and name.endswith("/link")


def drop_image(shelf: Shelf) -> None:
    shelf.untag(OTHER)
    for value in TWO.node().blobs:
        if value != BASE.digest:
            shelf.files.pop(shelf.place(value), None)
    shelf.files = {name: data for name, data in shelf.files.items() if not _link_of_other(name)}


def drop_tag(shelf: Shelf) -> None:
    shelf.untag(OTHER)


def entry(shelf: Shelf, change: Callable[[Json], object], number: int = 0) -> None:
    document = shelf.document("index.json")
    change(document["manifests"][number])
    shelf.files["index.json"] = dumped(document)


def annotate(shelf: Shelf) -> None:
    entry(shelf, lambda one: one["annotations"].update({NOTES: "trusted"}))


def unnote(shelf: Shelf) -> None:
    entry(shelf, lambda one: one["annotations"].pop(NOTES), 1)


def platform(shelf: Shelf) -> None:
    entry(shelf, lambda one: one.update(platform={"os": "linux", "architecture": "amd64", "variant": "v3"}))


def reorder(shelf: Shelf) -> None:
    document = shelf.document("index.json")
    document["manifests"].reverse()
    shelf.files["index.json"] = dumped(document)


def member(shelf: Shelf) -> None:
    shelf.files["index.json"] = dumped({**shelf.document("index.json"), "annotations": {NOTES: "new"}})


def blank(shelf: Shelf) -> None:
    shelf.files["index.json"] = b" " + shelf.files["index.json"]


def recode(shelf: Shelf) -> None:
    """Store a layer otherwise, and rewrite the manifest; it unpacks to the same."""
    old = ONE.node()
    data = gzip.compress(ONE.layers[1].plain, 9, mtime=1)
    document = old.document
    document["layers"][1].update(digest=shelf.put(data), size=len(data))
    shelf.files.pop(shelf.place(ONE.layers[1].digest))
    replace(shelf, old, document)


def other_config(shelf: Shelf) -> None:
    """Give the image another config, and so another image ID."""
    old = ONE.node()
    data = ONE.config.replace(b'"config":{}', b'"config":{"User":"root"}')
    document = old.document
    document["config"].update(digest=shelf.put(data), size=len(data))
    shelf.files.pop(shelf.place(ONE.image_id))
    replace(shelf, old, document)


def replace(shelf: Shelf, old: Node, document: Json) -> None:
    """Put another manifest in the place of one."""
    data = dumped(document)
    if shelf.form == "dir":
        shelf.files["manifest.json"] = data
        return
    shelf.files.pop(shelf.place(old.digest))
    descriptor = {"mediaType": build.OCI_MANIFEST, "digest": shelf.put(data), "size": len(data)}
    if shelf.form == "registry-storage":
        shelf.files = {name: text for name, text in shelf.files.items() if build.hexed(old.digest) not in name}
        shelf.tag(APP, descriptor)
        return
    shelf.untag(APP)
    shelf.tag(APP, descriptor)


def stray(shelf: Shelf) -> None:
    shelf.put(b"what nothing names")


def beside(shelf: Shelf) -> None:
    shelf.files["README"] = b"run me"


def marker(shelf: Shelf) -> None:
    name = "version" if shelf.form == "dir" else "oci-layout"
    shelf.files[name] += b"\n"


def thinner(shelf: Shelf) -> None:
    """Let the name of an index lead to one with fewer platforms."""
    document = json.loads(BOTH.blobs[BOTH.digest])
    document["manifests"].pop()
    value = shelf.put(dumped(document))
    shelf.untag(MULTI)
    shelf.tag(MULTI, {"mediaType": build.OCI_INDEX, "digest": value, "size": len(dumped(document))})


def repotags(shelf: Shelf) -> None:
    shelf.files["manifest.json"] = shelf.files["manifest.json"].replace(b"corpus/app:1.0", b"corpus/new:3.0")


def repositories(shelf: Shelf) -> None:
    shelf.files["repositories"] = dumped({"corpus/new": {"3.0": build.hexed(ONE.image_id)}})


def turned(shelf: Shelf) -> None:
    """Put the members of a tar into another order."""
    shelf.files = dict(reversed(shelf.files.items()))


def history(shelf: Shelf) -> None:
    """Take away what a registry remembers of a tag."""
    shelf.files = {name: data for name, data in shelf.files.items() if "/index/" not in name or "app" not in name}


def lent(shelf: Shelf) -> None:
    """Let another repository of a registry serve a layer."""
    value = ONE.layers[1].digest
    name = f"docker/registry/v2/repositories/corpus/other/_layers/sha256/{build.hexed(value)}/link"
    shelf.files[name] = value.encode()


def revision(shelf: Shelf) -> None:
    """Let a registry serve an image by its digest."""
    shelf.add(THREE.node(), NEW)
    shelf.untag(NEW)


#: name: what is done, to which formats, and what the finding about it is to name.
CHEATS: dict[str, tuple[Callable[[Shelf], None], tuple[str, ...], str]] = {
    "swap-names": (swap, NAMED, "corpus/app:1.0"),
    "rename": (rename, NAMED, "corpus/new:3.0"),
    "add-tag": (add_tag, NAMED, "corpus/new:3.0"),
    "add-image": (add_image, NAMED, THREE.node().digest),
    "drop-image": (drop_image, NAMED, TWO.node().digest),
    "drop-tag": (drop_tag, NAMED, "corpus/other:2.0"),
    "change-annotation": (annotate, INDEXED, f"annotations.{NOTES}"),
    "drop-annotation": (unnote, LAYOUTS, f"annotations.{NOTES}"),
    "change-platform": (platform, INDEXED, "platform"),
    "reorder": (reorder, INDEXED, "order"),
    "unknown-member": (member, INDEXED, "index.json"),
    "blank": (blank, INDEXED, "index.json"),
    "other-encoding": (recode, ALL, ONE.layers[1].digest),
    "other-config": (other_config, ALL, ONE.image_id),
    "stray-blob": (stray, ALL, digest(b"what nothing names")),
    "file-beside": (beside, ALL, "README"),
    "marker": (marker, (*INDEXED, "dir"), "file "),
    "thinner-index": (thinner, LAYOUTS, "corpus/multi:1.0"),
    "repotags": (repotags, ("docker-archive",), "corpus/"),
    "repositories": (repositories, ("docker-archive",), "repositories"),
    "members-turned": (turned, ("oci-archive", "docker-archive"), "the file is another one"),
    "history-of-a-tag": (history, ("registry-storage",), "/index/"),
    "lent-layer": (lent, ("registry-storage",), "corpus/other/_layers"),
    "revision": (revision, ("registry-storage",), THREE.node().digest),
}
ROWS = [(name, form) for name, (_, forms, _) in CHEATS.items() for form in forms]
#: The audit finds these by itself, too: they are no sound archives any more.
UNSOUND = {"repotags", "marker"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nodes = [named(ONE.node(), APP), named(TWO.node(), OTHER).annotated(**{NOTES: "mine"}), named(BOTH, MULTI)]
    return write_tar(tmp_path_factory.mktemp("source") / "source.tar", layout(*nodes))


def converted(call: Call, source: Path, folder: Path, form: str, *options: str) -> tuple[Path, Path]:
    dest, receipt = folder / "dest", folder / "receipt.json"
    selected = f"{source}#{APP}" if form == "dir" else source
    told(call("convert", selected, dest, "--to", form, "--receipt", receipt, "--no-sync", *options))
    return dest, receipt


def mismatches(call: Call, path: Path | str, receipt: Path, *options: str, status: int = 1) -> list[Json]:
    result = told(call("audit", path, "--receipt", receipt, "--format", "json", "--no-config", *options), status)
    return [one for one in result.archive()["findings"] if one["rule"] == "receipt-mismatch"]


@pytest.mark.parametrize("form", ALL)
@pytest.mark.parametrize("options", [(), ("--no-audit",)], ids=["audit", "no-audit"])
def test_what_was_written_agrees(
    form: str, options: tuple[str, ...], source: Path, tmp_path: Path, cli_call: Call
) -> None:
    dest, receipt = converted(cli_call, source, tmp_path, form, *options)
    assert mismatches(cli_call, dest, receipt, "--strict", status=0) == []
    Shelf(dest, form).save()
    if dest.is_dir():  # the same files, written again
        assert mismatches(cli_call, dest, receipt, "--strict", status=0) == []


@pytest.mark.parametrize(("name", "form"), ROWS, ids=[f"{name}-{form}" for name, form in ROWS])
def test_every_change_is_found(name: str, form: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    change, _, wanted = CHEATS[name]
    dest, receipt = converted(cli_call, source, tmp_path, form)
    shelf = Shelf(dest, form)
    change(shelf)
    shelf.save()
    if name not in UNSOUND:  # without the receipt nobody would know
        told(cli_call("audit", dest, "--no-config"))
    found = mismatches(cli_call, dest, receipt)
    text = json.dumps(found)
    assert wanted in text
    assert len(found) < 8
    assert mismatches(cli_call, dest, receipt, "--strict") == found
    files = [one for one in found if one["message"].startswith("the file is another one")]
    assert len(files) == (not dest.is_dir())


def test_names_are_told_one_by_one_and_their_blobs_together(source: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = converted(cli_call, source, tmp_path, "oci-layout")
    shelf = Shelf(dest, "oci-layout")
    swap(shelf)
    shelf.save()
    one, other = mismatches(cli_call, dest, receipt)
    assert (one["subject"], one["expected"], one["found"]) == (APP, ONE.node().digest, TWO.node().digest)
    assert (other["subject"], other["expected"], other["found"]) == (OTHER, TWO.node().digest, ONE.node().digest)
    (tmp_path / "b").mkdir()
    dest, receipt = converted(cli_call, source, tmp_path / "b", "oci-layout")
    shelf = Shelf(dest, "oci-layout")
    drop_image(shelf)
    shelf.save()
    messages = [one["message"].partition(" sha256")[0] for one in mismatches(cli_call, dest, receipt)]
    assert messages == [
        f"the name {OTHER}, which the receipt lists, is gone",
        *(f"the receipt lists {kind}" for kind in ("manifest", "config", "layer")),
    ]
    many = index([Image(layers=[layer({str(n): b"x"}, "gzip")]).node() for n in range(20)])
    path = write_tar(tmp_path / "many.tar", layout(named(many, MULTI)))
    assert len(mismatches(cli_call, path, receipt)) < 12


EDITS: dict[str, Callable[[Json], object]] = {
    "name": lambda value: value["holds"]["entries"][0].update(names=[NEW]),
    "digest-of-a-name": lambda value: value["holds"]["entries"][0]["descriptor"].update(digest=TWO.node().digest),
    "blob-less": lambda value: value["holds"]["blobs"].pop(),
    "blob-more": lambda value: value["holds"]["blobs"].append({"digest": digest(b"no"), "size": 2}),
    "manifest-less": lambda value: (value["holds"]["manifests"].pop(), value["manifests"].clear()),
    "index-less": lambda value: (value["holds"]["indexes"].clear(), value["indexes"].clear()),
    "file": lambda value: value["holds"]["files"][0].update(sha256=digest(b"no")),
    "own-digest": lambda value: value["destination"].update(sha256=digest(b"no")),
    "diff-id": lambda value: value["layers"][0].update(diff_id=digest(b"no")),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_receipt_that_was_edited_agrees_no_more(name: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = converted(cli_call, source, tmp_path, "oci-archive")
    value = json.loads(receipt.read_bytes())
    EDITS[name](value)
    receipt.write_text(json.dumps(value))
    assert mismatches(cli_call, dest, receipt)
    assert mismatches(cli_call, dest, receipt, "--strict")


@pytest.mark.parametrize("form", NAMED)
def test_a_receipt_of_another_archive(form: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, _ = converted(cli_call, source, tmp_path, form)
    (tmp_path / "b").mkdir()
    _, receipt = converted(cli_call, source, tmp_path / "b", form, "--image", APP)
    assert {one["subject"] for one in mismatches(cli_call, dest, receipt)} & {OTHER, OTHER.removeprefix("docker.io/")}


def test_a_signature_that_is_taken_away_or_renamed(tmp_path: Path, cli_call: Call) -> None:
    node = named(ONE.node(), APP)
    tag = f"{node.digest.replace(':', '-')}.sig"
    path = write_tar(tmp_path / "a.tar", layout(node, signing.signature(node)))
    dest, receipt = converted(cli_call, path, tmp_path, "oci-layout")
    changes: tuple[Callable[[list[Json]], object], ...] = (
        lambda every: every[1]["annotations"].update({REF_NAME: "x"}),
        lambda every: every.pop(),
    )
    for change in changes:
        shelf = Shelf(dest, "oci-layout")
        document = shelf.document("index.json")
        change(document["manifests"])
        shelf.files["index.json"] = dumped(document)
        shelf.save()
        assert tag in {one["subject"] for one in mismatches(cli_call, dest, receipt)}


def test_parts(source: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = converted(cli_call, source, tmp_path, "oci-archive", "--split", "4096", "--parity")
    listed = tmp_path / "dest.parts.json"
    value = json.loads(receipt.read_bytes())["destination"]
    parts = json.loads(listed.read_bytes())
    whole = b"".join((tmp_path / one["name"]).read_bytes() for one in parts["parts"])
    assert value["sha256"] == digest(whole) == f"sha256:{parts['sha256']}"
    assert [one["sha256"] for one in value["parts"]] == [
        digest((tmp_path / one["name"]).read_bytes()) for one in (*parts["parts"], parts["parity"])
    ]
    assert mismatches(cli_call, listed, receipt, "--strict", status=0) == []
    dest.write_bytes(whole)
    assert mismatches(cli_call, dest, receipt, "--strict", status=0) == []  # joined, it is the same archive
    for one in tmp_path.glob("dest.*"):
        one.unlink()
    cut(dest, whole, 8192)  # cut anew, in other sizes, with a list that agrees
    assert ["the parts are others" in one["message"] for one in mismatches(cli_call, listed, receipt)] == [True]
    shelf = Shelf(dest, "oci-archive")
    swap(shelf)
    shelf.save()
    cut(dest, dest.read_bytes(), 4096)  # changed, with a list that agrees
    assert {APP, OTHER} <= {one["subject"] for one in mismatches(cli_call, listed, receipt)}


@pytest.mark.parametrize("outer", ["gzip", "zstd"])
def test_one_compressed_as_a_whole(outer: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = converted(cli_call, source, tmp_path, "oci-archive", "--outer", outer)
    assert json.loads(receipt.read_bytes())["destination"]["sha256"] == digest(dest.read_bytes())
    assert mismatches(cli_call, dest, receipt, "--strict", status=0) == []
    _, plain = oracle.unpacked(dest.read_bytes())
    dest.write_bytes(build.gzipped(plain, level=1) if outer == "gzip" else build.zstded(plain, level=1))
    (one,) = mismatches(cli_call, dest, receipt)
    assert one["message"] == "the file is another one than the receipt is of"


def test_an_older_receipt_is_judged_by_what_it_binds(source: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, receipt = converted(cli_call, source, tmp_path, "oci-archive")
    value = json.loads(receipt.read_bytes())
    del value["holds"], value["destination"]["sha256"]
    receipt.write_text(json.dumps(value))
    shelf = Shelf(dest, "oci-archive")
    swap(shelf)
    shelf.save()
    assert mismatches(cli_call, dest, receipt, "--strict", status=0) == []
    drop_image(shelf)
    shelf.save()
    kinds = [one["message"].split()[3] for one in mismatches(cli_call, dest, receipt)]
    assert kinds == ["manifest", "config", "layer"]


def test_a_merge_lists_all_that_is_there(source: Path, tmp_path: Path, cli_call: Call) -> None:
    dest, first = converted(cli_call, source, tmp_path, "oci-layout")
    more = write_tar(tmp_path / "more.tar", layout(named(THREE.node(), NEW)))
    receipt = tmp_path / "second.json"
    told(cli_call("convert", more, dest, "--to", "oci-layout", "--merge", "--receipt", receipt, "--no-sync"))
    assert mismatches(cli_call, dest, receipt, "--strict", status=0) == []
    assert NEW in {one["subject"] for one in mismatches(cli_call, dest, first)}


@pytest.mark.parametrize("older", [False, True], ids=["new", "older"])
def test_what_a_delta_leaves_out_is_not_gone(older: bool, source: Path, tmp_path: Path, cli_call: Call) -> None:
    have = write_tar(tmp_path / "have.tar", layout(named(ONE.node(), APP)))
    dest, receipt = converted(cli_call, source, tmp_path, "oci-archive", "--have", str(have))
    if older:
        value = json.loads(receipt.read_bytes())
        del value["holds"], value["destination"]["sha256"]
        receipt.write_text(json.dumps(value))
    assert mismatches(cli_call, dest, receipt, status=0) == []
    assert mismatches(cli_call, dest, receipt, "--base", str(have), status=0) == []
    shelf = Shelf(dest, "oci-archive")
    del shelf.files[shelf.place(TWO.layers[1].digest)]
    shelf.save()
    assert TWO.layers[1].digest in json.dumps(mismatches(cli_call, dest, receipt))


def test_names_by_the_ten_thousand_cost_no_more_than_their_number() -> None:
    def holding(prefix: str) -> Holding:
        entries = tuple(
            Entry(names=(f"{prefix}{n}",), descriptor={"digest": f"sha256:{n % 3:064}"}) for n in range(40_000)
        )
        return Holding(entries=entries, manifests=(), indexes=(), blobs={})

    found = list(bound.names(holding("old"), holding("new")))
    assert len(found) == 40_000
    assert all(one.found and one.found.startswith("new") for one in found)
    assert len({one.found for one in found}) == 40_000
