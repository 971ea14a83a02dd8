"""Documents that a call names beside its archives, or that lie beside them: small files that would mean much work."""

import json
from pathlib import Path

import pytest

from ociarchive import documents
from ociarchive.blobio.limits import Limits
from ociarchive.blobio.source import Bytes
from ociarchive.documents import DocumentError
from ociarchive.errors import ContentError
from ociarchive.stores import tarsplit
from tests.audit.making import IMAGE as STORED
from tests.audit.making import TOP
from tests.fuzz.layers import chunked
from tests.hostile.parts import IMAGE, LAYER
from tests.hostile.process import Ended, bounded, run
from tests.support import stores
from tests.support.build import Image, Layer, layout
from tests.support.tar import file, tar, write_folder, write_tar

#: Python needs 88 bytes for an array of an array. Without a bound so many take 490 MiB.
NESTED = b"[" + b",".join([b"[" * 90 + b"]" * 90] * 53_000) + b"]"
EMPTY = b"[" + b",".join([b"{}"] * 3_200_000) + b"]"
KEYS = b"{" + b",".join(b'"%x":1' % number for number in range(1_000_000)) + b"}"
TEXTS: dict[str, bytes] = {"nested": NESTED, "empty": EMPTY, "keys": KEYS, "blank": b"[[" + b" " * 9_900_000 + b"]]"}


def said(ended: Ended, status: int, *words: str) -> None:
    bounded(ended, status)
    assert len(ended.stdout) < 1 << 20
    for word in words:
        assert word in ended.stderr + ended.stdout.decode(), ended.stderr[-500:]


@pytest.mark.parametrize("name", TEXTS)
def test_an_inventory_of_very_many_values(name: str, source: Path, tmp_path: Path) -> None:
    have, dest = tmp_path / "have", tmp_path / "dest"
    have.write_bytes(TEXTS[name])
    words = () if name == "blank" else ("document has more than 1250000 values",)
    said(run("audit", source, "--have", have, place=tmp_path), 2, *words)
    said(run("convert", source, dest, "--to", "oci-layout", "--have", have, place=tmp_path), 2, *words)
    assert not dest.exists()


def test_a_delta_that_leaves_a_million_layers_out(tmp_path: Path) -> None:
    members = layout(IMAGE.node().named("docker.io/library/app:1", "1"))
    raw = b'{"schema_version":1,"left_out":[%b]}' % b",".join([b"{}"] * 1_000_000)
    source = write_tar(tmp_path / "source", [*members, file("delta.json", raw)])
    said(run("audit", source, place=tmp_path), 1, "limit-values")
    said(run("audit", source, "--base", source, place=tmp_path), 1)
    said(run("convert", source, tmp_path / "dest", "--to", "oci-layout", "--base", source, place=tmp_path), 1)


@pytest.mark.parametrize("name", TEXTS)
def test_a_receipt_of_very_many_values(name: str, source: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt"
    receipt.write_bytes(b'{"tool":' + TEXTS[name] + b"}")
    said(run("audit", source, "--receipt", receipt, place=tmp_path), 1, "not a conversion's receipt")


@pytest.mark.parametrize("name", TEXTS)
def test_a_list_of_parts_of_very_many_values(name: str, tmp_path: Path) -> None:
    listed = tmp_path / "app.tar.parts.json"
    listed.write_bytes(b'{"schema_version":1,"part_size":1,"size":1,"name":"app.tar","parts":' + TEXTS[name] + b"}")
    (tmp_path / "app.tar.001").write_bytes(b"x")
    for one in (listed, tmp_path / "app.tar.001"):
        said(run("audit", "--format", "json", one, place=tmp_path), 1)
    said(run("inspect", listed, place=tmp_path), 1)


def test_the_name_of_a_whole_is_no_longer_than_names_are(tmp_path: Path) -> None:
    listed = tmp_path / "app.tar.parts.json"
    made = {"schema_version": 1, "part_size": 1, "size": 1, "name": "n" * 3_000_000, "sha256": "0" * 64, "parts": [{}]}
    listed.write_text(json.dumps(made))
    (tmp_path / "app.tar.001").write_bytes(b"x")
    said(run("audit", "--format", "json", tmp_path / "app.tar.001", place=tmp_path), 1)
    said(run("audit", listed, place=tmp_path), 1)


def test_a_table_of_contents_with_one_entry_of_very_many_values(tmp_path: Path) -> None:
    nested = NESTED[: 181 * 13_000] + b"]"
    for table in (b'{"version":1,"entries":[%b]}' % nested, b'{"version":%b,"entries":[]}' % nested):
        stored, notes = chunked(table, LAYER.plain)
        media_type = "application/vnd.oci.image.layer.v1.tar+zstd"
        one = Layer(plain=LAYER.plain, stored=stored, media_type=media_type, members={"annotations": notes})
        source = write_tar(
            tmp_path / "source", layout(Image(layers=[one]).node().named("docker.io/library/app:1", "1"))
        )
        said(run("audit", source, place=tmp_path), 1, "toc-entry", "a value of more than 1048576 characters")


def test_a_line_of_tar_split_data_of_very_many_values(tmp_path: Path) -> None:
    store = write_folder(tmp_path / "store", stores.docker_storage({"corpus/app:1.0": STORED}))
    listed: list[stores.Entry] = stores.entries(TOP.plain)
    split = next(store.rglob("tar-split.json.gz"))
    for one in store.rglob("tar-split.json.gz"):
        one.write_bytes(stores.split_file([{**listed[0], "x": json.loads(NESTED[: 181 * 3_000] + b"]")}, *listed[1:]]))
    assert split.stat().st_size < 1 << 20
    said(run("audit", store, place=tmp_path), 1, "no object")


def test_what_honest_documents_hold_is_no_value_too_many() -> None:
    digests = [f"sha256:{number:064x}" for number in range(320_000)]
    raw = json.dumps({"schema_version": 1, "blobs": digests, "images": []}, separators=(",", ":")).encode()
    assert len(raw) < 24 << 20
    assert len(documents.parse(raw, "", limit=24 << 20).members["blobs"]) == len(digests)  # type: ignore[arg-type]
    with pytest.raises(DocumentError, match="more than 1250000 values"):
        documents.parse(b"[" + b"1," * 1_250_001 + b"1]", "", limit=24 << 20)
    documents.parse(b"[" + b"1," * 1_249_998 + b"1]", "", limit=24 << 20)


@pytest.mark.parametrize("length", [(4 << 10) - 3, (4 << 10) - 2, 4 << 10, 64 << 10, (1 << 20) - 2])
def test_values_that_come_in_pieces_are_whole(length: int) -> None:
    number = "1" * 15
    for value in ("x" * length, [number] * (length // 20), [[1] * 9, "y" * (length // 2)]):
        raw = json.dumps({"a": value, "entries": [value, 123456789]}).encode()
        try:
            found = list(documents.parse_list(raw, "", "entries", limit=8 << 20))
        except ContentError:
            assert len(json.dumps(value)) >= 1 << 20
            continue
        assert found == [("a", value), ("entries", value), ("entries", 123456789)]
    padded = b'{"entries":[%b1234567890,5]}' % (b" " * (length % 5000))
    assert [value for _, value in documents.parse_list(padded, "", "entries", limit=8 << 20)] == [1234567890, 5]
    bare = b'{"entries":[%b]}' % (b"0.%b5" % (b"0" * length))
    if length < 1 << 16:
        assert list(documents.parse_list(bare, "", "entries", limit=8 << 20)) == [("entries", float(bare[12:-2]))]


def test_a_line_of_tar_split_data_may_have_commas_in_a_text() -> None:
    line = json.dumps({"type": 1, "name": "a", "size": 1, "position": 0, "more": "," * 90_000}).encode()
    (found,) = tarsplit.entries(Bytes(line, "split"), Limits())
    assert isinstance(found, tarsplit.Content)
    with pytest.raises(ContentError, match="no object"):
        list(tarsplit.entries(Bytes(line.replace(b",", b",,"), "split"), Limits()))


@pytest.mark.parametrize("line", [b"#", b"oci:", b"x"])
def test_a_list_of_sources_with_one_long_line(line: bytes, tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_bytes(line * (3_000_000 // len(line)))
    said(run("audit", "--from", listed, place=tmp_path), 1, "a line of more than 16384 bytes")


def test_thousands_of_changed_parts_of_a_tar_of_many_members(tmp_path: Path) -> None:
    """Of each part it is said which files lie in it."""
    members = [*layout(IMAGE.node().named("docker.io/library/app:1", "1")), *(file(f"{n}", b"") for n in range(19_000))]
    whole = tar(members)
    parts = [whole[start : start + 1000] for start in range(0, len(whole), 1000)]
    listed = []
    for number, part in enumerate(parts, 1):
        name = f"app.tar.{number:0{len(str(len(parts)))}}"
        (tmp_path / name).write_bytes(part)
        listed.append({"name": name, "size": len(part), "sha256": "0" * 64})
    about = {"schema_version": 1, "name": "app.tar", "size": len(whole), "sha256": "0" * 64, "part_size": 1000}
    source = tmp_path / "app.tar.parts.json"
    source.write_text(json.dumps({**about, "parts": listed}))
    said(run("audit", source, place=tmp_path), 1, "part-mismatch")
