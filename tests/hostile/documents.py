"""Hostile documents: too large, too deep, of two kinds, with digests that are paths and numbers that are none."""

import gzip
from dataclasses import replace
from pathlib import Path

from tests.hostile.case import Build, Case
from tests.hostile.parts import (
    IMAGE,
    LAYER,
    MARKER,
    SAVED,
    archive,
    entry,
    folder,
    index_json,
    laid_out,
    later,
    later_folder,
    listed,
    manifest_json,
)
from tests.support import old
from tests.support.build import (
    OCI_INDEX,
    OCI_MANIFEST,
    REF_NAME,
    Image,
    Node,
    Saved,
    artifact,
    blob_path,
    digest,
    docker_archive,
    dumped,
    index,
    layer,
    layout,
    skopeo_dir,
)
from tests.support.tar import Member, file, tar, write_tar

_NODE = IMAGE.node().named("docker.io/library/app:1", "1")
_ESCAPE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u2066\x9b31m"
_DEEP = b"[" * 100_000 + b"]" * 100_000
_MEBIBYTE = 1 << 20


def _in_index(**members: object) -> list[Member]:
    """A layout whose one descriptor has other members."""
    return index_json(listed({**_NODE.descriptor, **members}))


def _manifest(raw_document: bytes) -> list[Member]:
    """A layout whose manifest is any bytes under their right digest."""
    described = {**_NODE.descriptor, "digest": digest(raw_document), "size": len(raw_document)}
    return layout(Node(described, {**_NODE.blobs, digest(raw_document): raw_document}), without=[_NODE.digest])


def _spliced(document: bytes, members: bytes) -> bytes:
    """An object with members added as they are spelled."""
    return document.rstrip()[:-1] + b"," + members + b"}"


_OLD = (LAYER, layer({"etc/b": b"b"}, "gzip"))
_MANIFEST = _NODE.blobs[_NODE.digest]


def _config(members: bytes) -> list[Member]:
    """A `docker save` whose config has members as they are spelled."""
    saved = Saved(image=SAVED.image, config_name="config.json")
    return [
        file(one.name, _spliced(one.data, members)) if one.name == "config.json" else one
        for one in docker_archive(saved)
    ]


def _many_layers(count: int) -> Build:
    return later(lambda: layout(Image(layers=[LAYER] * count).node().named("docker.io/library/app:1", "1")))


def _many_layers_saved(count: int) -> Build:
    image = Image(
        layers=SAVED.image.layers,
        config_members={"rootfs": {"type": "layers", "diff_ids": SAVED.image.diff_ids * count}},
    )
    return later(
        lambda: docker_archive(
            Saved(image=image, layer_names=["l"], config_name="c"), entries=[{"Config": "c", "Layers": ["l"] * count}]
        )
    )


def _manifests(count: int) -> Build:
    """A layout of many manifests over one blob, each of them another document."""
    image = Image(layers=[LAYER])
    nodes = [replace(image, manifest_members={"annotations": {"n": str(number)}}).node() for number in range(count)]
    return archive(layout(*nodes))


def _nested(depth: int) -> list[Member]:
    node = _NODE
    for _ in range(depth):
        node = index([node])
    return layout(node.named("docker.io/library/app:1", "1"))


def _doubling(levels: int) -> list[Member]:
    """Indexes that each name the one below in two entries: as many ways to the image as 2 to the levels."""
    node = _NODE
    for _ in range(levels):
        node = index([node, node.annotated(second="yes")])
    return layout(node.named("docker.io/library/app:1", "1"))


def _ring() -> list[Member]:
    """Two indexes that name one another, which no honest digests can."""
    one, other = f"sha256:{1:064}", f"sha256:{2:064}"
    documents = {
        one: listed({"mediaType": OCI_INDEX, "digest": other, "size": 200}),
        other: listed({"mediaType": OCI_INDEX, "digest": one, "size": 200}),
    }
    return [
        *(file(blob_path(name), data) for name, data in documents.items()), MARKER,
        file("index.json", listed({"mediaType": OCI_INDEX, "digest": one, "size": 200})),
    ]  # fmt: skip


def _big_outer(path: Path) -> None:
    """An index.json of 64 MiB in a tar of under 1 MiB."""
    path.write_bytes(gzip.compress(tar([MARKER, file("index.json", b" " * (64 * _MEBIBYTE))]), 6))


def _entries_beside_roots(path: Path) -> None:
    """Two lists of one image, each as long as fits, in under 1 MiB: every pair of them is too many to look at."""
    image = Image(layers=SAVED.image.layers)
    node = image.node()
    entry = {"Config": blob_path(image.image_id), "Layers": [blob_path(SAVED.image.layers[0].digest)]}
    roots = [node.annotated(**{REF_NAME: f"r{number}"}) for number in range(15_000)]
    members = [*layout(*roots), file("manifest.json", dumped([entry] * 20_000))]
    path.write_bytes(gzip.compress(tar(members), 1))


def _chain(count: int) -> list[Member]:
    """Artifacts that each speak of the one behind it."""
    nodes = [_NODE]
    for number in range(count):
        nodes.append(artifact(b"%d" % number, "application/vnd.example.x", subject=nodes[-1]))
    return layout(nodes[0], *reversed(nodes[1:]))


def _large_manifest(mebibytes: int) -> Build:
    return later(lambda: _manifest(_spliced(_MANIFEST, _text(mebibytes))))


def _large_config(mebibytes: int) -> Build:
    return later(lambda: _config(_text(mebibytes)))


def _text(mebibytes: int) -> bytes:
    """A member that is as long."""
    return b'"x":"' + b"x" * (mebibytes * _MEBIBYTE) + b'"'


def _large_marker(path: Path) -> None:
    members = laid_out()
    write_tar(path, [file(one.name, b" " * (64 * _MEBIBYTE)) if one.name == "oci-layout" else one for one in members])


def _values(path: Path) -> None:
    """Many documents that each hold as many values as fit, under the size that is allowed for each."""
    filler = b'"x":[' + b",".join([b"[]"] * 200_000) + b"]"
    nodes = []
    for number in range(4):
        document = _spliced(_MANIFEST, b'"n":%d,' % number + filler)
        described = {"mediaType": OCI_MANIFEST, "digest": digest(document), "size": len(document)}
        nodes.append(Node(described, {**_NODE.blobs, digest(document): document}))
    write_tar(path, layout(*nodes))


def _foreign(path: Path) -> None:
    urls = ["http://127.0.0.1:9/layer", "http://[::1]:9/layer", "file:///etc/passwd", "https://registry.example/x"]
    one = layer({"a": b"a"}, "gzip", media_type="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                members={"urls": urls})  # fmt: skip
    write_tar(
        path, layout(Image(layers=[LAYER, replace(one, absent=True)]).node().named("docker.io/library/app:1", "1"))
    )


_KINDS = "CVE-2021-41190"
_PATHS = "CVE-2024-3727"
_SIZES = "CVE-2020-1702, CVE-2023-25153"
_DIGITS = "CVE-2020-10735"
CASES: dict[str, Case] = {
    # Size
    "manifest-json-of-64-mib": Case(
        build=later(lambda: manifest_json(b"[" + b" " * (64 * _MEBIBYTE) + b"]")),
        rule="limit-document",
        words="--limit manifest-size=N",
        of=_SIZES,
    ),
    "index-json-of-64-mib": Case(
        build=later(lambda: index_json(_spliced(listed(_NODE.descriptor), _text(64)))),
        rule="limit-document",
        words="--limit manifest-size=N",
        of=_SIZES,
    ),
    "index-json-of-64-mib-compressed": Case(
        build=_big_outer,
        rule="limit-document",
        words="--limit manifest-size=N",
        of=_SIZES,
    ),
    "manifest-of-64-mib": Case(
        build=_large_manifest(64),
        rule="limit-documents-size",
        words="--limit documents-size=N",
        of=_SIZES,
    ),
    "manifest-of-5-mib": Case(
        build=_large_manifest(5),
        rule="limit-document",
        words="--limit manifest-size=N",
        of="limit manifest-size",
    ),
    "config-of-64-mib": Case(
        build=_large_config(64),
        rule="limit-documents-size",
        words="--limit documents-size=N",
        of=_SIZES,
    ),
    "config-of-9-mib": Case(
        build=_large_config(9),
        rule="limit-document",
        words="config-size=N",
        of="limit config-size",
    ),
    "oci-layout-of-64-mib": Case(
        build=_large_marker,
        rule="layout-version",
        words="too large",
        of=_SIZES,
    ),
    "dir-manifest-of-64-mib": Case(
        build=later_folder(
            lambda: [file("manifest.json", b"{" + b" " * (64 * _MEBIBYTE) + b"}"), file("version", b"x")]
        ),
        rule="limit-document",
        words="--limit manifest-size=N",
    ),
    "values-half-a-million": Case(build=_values, rule="limit-values", words="--limit values=N", of="limit values"),
    "documents-more-than-asked": Case(
        build=_manifests(40),
        rule="limit-documents",
        words="--limit documents=N",
        options=("--limit", "documents=20"),
        of="limit documents",
    ),
    "documents-larger-than-asked": Case(
        build=_manifests(40),
        rule="limit-documents-size",
        words="--limit documents-size=N",
        options=("--limit", "documents-size=4000"),
        of="limit documents-size",
    ),
    "documents-2-000": Case(build=_manifests(2000), audit=0, convert=0, of="limit documents"),
    # Depth
    "manifest-json-100-000-deep": Case(
        build=archive(manifest_json(_DEEP)),
        rule="limit-depth",
        words="--limit depth=N",
        of="100,000-deep nesting",
    ),
    "index-json-100-000-deep": Case(
        build=archive(index_json(_spliced(listed(_NODE.descriptor), b'"x":' + _DEEP))),
        rule="limit-depth",
        words="--limit depth=N",
        of="100,000-deep nesting",
    ),
    "manifest-100-000-deep": Case(
        build=archive(_manifest(_spliced(_MANIFEST, b'"x":' + b'{"x":' * 100_000 + b"1" + b"}" * 100_000))),
        rule="limit-depth",
        words="--limit depth=N",
        of="100,000-deep nesting",
    ),
    "config-100-000-deep": Case(
        build=archive(_config(b'"x":' + _DEEP)),
        rule="limit-depth",
        words="--limit depth=N",
        of="100,000-deep nesting",
    ),
    "brackets-that-never-close": Case(
        build=archive(manifest_json(b"[" * 3_000_000)),
        rule="limit-values",
        words="--limit values=N",
    ),
    "brackets-in-strings-are-none": Case(
        build=archive(_config(b'"x":"' + b"[" * 200_000 + b'"')),
        audit=0,
        convert=0,
    ),
    "indexes-17-deep": Case(
        build=archive(_nested(17)),
        rule="limit-nesting",
        words="--limit nesting=N",
        of="limit nesting",
    ),
    "indexes-that-double-15-times": Case(build=archive(_doubling(15)), audit=0, convert=0, of="indexes without end"),
    "indexes-in-a-ring": Case(build=archive(_ring()), rule="digest-mismatch", of="indexes without end"),
    # Layers
    "layers-100-000-of-one-blob": Case(
        build=_many_layers_saved(100_000),
        rule="limit-layers",
        words="--limit layers=N",
        of="10^5 layers naming one blob",
    ),
    "layers-12-000-of-one-blob-in-a-layout": Case(
        build=_many_layers(12_000),
        rule="limit-layers",
        words="--limit layers=N",
        of="limit layers",
    ),
    "layers-5-000-of-one-blob": Case(build=_many_layers_saved(5000), audit=0, convert=0, of="limit layers"),
    # Two kinds
    "manifest-and-index-at-once": Case(
        build=archive(_manifest(_spliced(_MANIFEST, b'"manifests":[]'))),
        rule="document-ambiguous",
        words="at once",
        of=_KINDS,
    ),
    "manifest-called-an-index": Case(
        build=archive(_in_index(mediaType=OCI_INDEX)),
        rule="media-type-conflict",
        of=_KINDS,
        words="media type",
    ),
    "index-json-with-layers": Case(
        build=archive(index_json(_spliced(listed(_NODE.descriptor), b'"layers":[],"config":{}'))),
        rule="document-ambiguous",
        words="at once",
        of=_KINDS,
    ),
    "manifest-of-schema-1-and-2": Case(
        build=archive(_manifest(_spliced(_MANIFEST, b'"fsLayers":[]'))),
        rule="document-ambiguous",
        words="schema 1",
        of=_KINDS,
    ),
    "keys-doubled": Case(
        build=archive(_manifest(_spliced(_MANIFEST, b'"layers":[]'))),
        rule="json-duplicate-key",
        words="twice",
        of=_KINDS,
    ),
    "keys-that-differ-in-case": Case(
        build=archive(manifest_json(b'[{"Config":"a","config":"b","Layers":[]}]')),
        rule="key-case",
        words="case alone",
    ),
    # Digests as paths
    "digest-climbs": Case(
        build=archive(_in_index(digest="sha256:../../../../etc/passwd")),
        rule="digest-malformed",
        words="digest",
        of=_PATHS,
    ),
    "digest-algorithm-climbs": Case(
        build=archive(_in_index(digest=f"../../..:{'0' * 64}")),
        rule="digest-malformed",
        words="digest",
        of=_PATHS,
    ),
    "digest-absolute": Case(
        build=archive(_in_index(digest="sha256:/etc/passwd")),
        rule="digest-malformed",
        words="digest",
        of=_PATHS,
    ),
    "digest-empty": Case(build=archive(_in_index(digest="")), rule="digest-malformed", words="digest", of=_PATHS),
    "digest-with-a-zero-byte": Case(
        build=archive(_in_index(digest=f"sha256:{'0' * 63}\0")),
        rule="digest-malformed",
        words="digest",
        of=_PATHS,
        texts=True,
    ),
    "digest-in-capitals": Case(
        build=archive(_in_index(digest=_NODE.digest.upper())),
        rule="digest-malformed",
        words="digest",
        of=_PATHS,
    ),
    "digest-of-a-mebibyte": Case(
        build=archive(_in_index(digest="sha256:" + "0" * _MEBIBYTE)),
        rule="digest-malformed",
        words="digest",
        of=_PATHS,
    ),
    "layer-digest-climbs": Case(
        build=archive(_manifest(_MANIFEST.replace(LAYER.digest.encode(), b"sha256:../../../canary"))),
        rule="digest-malformed",
        words="digest",
        of=_PATHS,
    ),
    "layer-digest-climbs-in-a-dir": Case(
        build=folder(
            [
                file("version", b"x"),
                file("manifest.json", _MANIFEST.replace(LAYER.digest.encode(), b"sha256:../canary")),
            ]
        ),
        rule="digest-malformed",
        words="digest",
        of=_PATHS,
    ),
    "diff-id-climbs": Case(
        build=archive(
            docker_archive(
                Saved(
                    image=Image(config_members={"rootfs": {"type": "layers", "diff_ids": ["sha256:../../x"]}}),
                    config_name="config.json",
                )
            )
        ),
        rule="digest-malformed",
        words="digest",
        of=_PATHS,
    ),
    "config-name-climbs": Case(
        build=archive(entry(Config="../canary")),
        rule="link-escapes",
        words="leads out",
        of="CVE-2014-9358",
    ),
    "layer-name-climbs": Case(
        build=archive(entry(Layers=["../../../../../../etc/passwd"])),
        rule="link-escapes",
        words="leads out",
        of="CVE-2014-9358",
    ),
    "layer-name-absolute-in-a-folder": Case(
        build=folder(entry(Layers=["/etc/passwd"])),
        rule="blob-missing",
        words="not in the archive",
        of="CVE-2014-9358",
    ),
    "layer-name-with-a-zero-byte": Case(
        build=folder(entry(Layers=["a\0b"])),
        rule="blob-missing",
        words="not in the archive",
        texts=True,
    ),
    "layer-name-longer-than-paths": Case(
        build=folder(entry(Layers=["a/" * 5000])),
        rule="blob-missing",
        words="not in the archive",
    ),
    "foreign-layer-with-urls": Case(
        build=_foreign,
        audit=0,
        convert=0,
        of="CVE-2020-15157",
    ),
    # Numbers
    "size-of-a-million-digits": Case(
        build=archive(index_json(listed(_NODE.descriptor).replace(b'"size":', b'"size":' + b"9" * 1_000_000, 1))),
        rule="json-number",
        words="beyond 64 bits",
        of=_DIGITS,
    ),
    "config-number-of-a-million-digits": Case(
        build=archive(_config(b'"x":-' + b"9" * 1_000_000)),
        rule="json-number",
        words="beyond 64 bits",
        of=_DIGITS,
    ),
    "number-of-a-huge-exponent": Case(
        build=archive(_config(b'"x":1e999999999')),
        rule="json-number",
        words="beyond a double",
        of=_DIGITS,
    ),
    "number-of-a-million-fractions": Case(
        build=archive(_config(b'"x":0.' + b"1" * 1_000_000)),
        audit=0,
        convert=0,
        of=_DIGITS,
    ),
    "size-negative": Case(build=archive(_in_index(size=-1)), rule="schema", words="size"),
    "size-of-two-to-the-63": Case(build=archive(_in_index(size=2**63)), rule="json-number", words="beyond 64 bits"),
    "size-a-fraction": Case(build=archive(_in_index(size=1.5)), rule="schema", words="size"),
    "size-a-text": Case(build=archive(_in_index(size="1")), rule="schema", words="size"),
    "not-a-number": Case(build=archive(_config(b'"x":NaN')), rule="json-number", words="NaN"),
    # Encodings
    "byte-order-mark": Case(build=archive(manifest_json(b"\xef\xbb\xbf[]")), rule="json-bom", words="byte order mark"),
    "utf-16": Case(build=archive(manifest_json("[]".encode("utf-16"))), rule="json-encoding", words="UTF-8"),
    "half-a-surrogate-pair": Case(
        build=archive(index_json(_spliced(listed(_NODE.descriptor), b'"annotations":{"x":"\\ud800"}'))),
        rule="json-surrogate",
        words="surrogate",
    ),
    "text-behind-the-end": Case(
        build=archive(index_json(listed(_NODE.descriptor) + b"{}")),
        rule="json-trailing",
        words="after its end",
    ),
    # Texts for a terminal
    "names-with-control-characters": Case(
        build=archive(layout(_NODE.named("docker.io/library/app:1", _ESCAPE))),
        audit=0,
        convert=0,
        rule="reference-malformed",
        texts=True,
        of="terminal",
    ),
    "tags-with-control-characters": Case(
        build=archive(entry(RepoTags=[_ESCAPE, "<script>alert(1)</script>"])),
        rule="reference-malformed",
        audit=0,
        convert=0,
        texts=True,
        of="terminal",
    ),
    "media-types-with-control-characters": Case(
        build=archive(_in_index(mediaType=f"application/{_ESCAPE}")),
        texts=True,
        of="terminal",
        audit=1,
        convert=1,
    ),
    "config-with-control-characters": Case(
        build=archive(
            layout(
                Image(
                    layers=[LAYER],
                    config_members={
                        "os": _ESCAPE,
                        "author": _ESCAPE,
                        "history": [{"created_by": _ESCAPE + "]]><script>"}],
                    },
                ).node()
            )
        ),
        texts=True,
        of="terminal",
        audit=0,
        convert=0,
    ),
    "artifact-with-control-characters": Case(
        build=archive(
            layout(_NODE, artifact(b"x", f"application/{_ESCAPE}", subject=_NODE).annotated(**{_ESCAPE: _ESCAPE}))
        ),
        rule="media-type-malformed",
        texts=True,
        of="terminal",
    ),
    # Shapes
    "manifest-json-is-a-text": Case(build=archive(manifest_json(b'"manifest"')), rule="schema", words="array"),
    "manifest-json-is-empty": Case(build=archive(manifest_json(b"")), rule="json-invalid", words="not JSON"),
    "manifest-json-lists-nothing": Case(
        build=archive(manifest_json(b"[]")), rule="index-empty", audit=0, words="image", said="nothing"
    ),
    "entries-20-000-of-one-image": Case(
        build=later(lambda: docker_archive(SAVED, entries=[SAVED.entry()] * 20_000)),
        audit=0,
        convert=0,
    ),
    "entries-20-000-beside-15-000-roots": Case(
        build=_entries_beside_roots,
        audit=0,
        convert=0,
        of="work that grows with a square",
    ),
    "referrers-in-a-chain-of-2-000": Case(
        build=later(lambda: _chain(2000)),
        audit=0,
        convert=0,
        of="work that grows with a square",
    ),
    "index-entries-that-are-none": Case(
        build=archive(index_json(b'{"schemaVersion":2,"manifests":[' + b",".join([b"{}"] * 90_000) + b"]}")),
        rule="schema",
        words="a descriptor has no digest",
    ),
    "version-1-parents-in-a-circle": Case(
        build=archive(old.saved(_OLD, [old.v1(0, 1), old.v1(1, 0)])), rule="v1-parent-cycle", words="lead back to it"
    ),
    "version-1-parent-of-itself": Case(
        build=archive(old.saved(_OLD[:1], [old.v1(0, 0)], {})), rule="v1-parent-cycle", words="lead back to it"
    ),
    "version-1-parent-outside": Case(
        build=archive(old.saved(_OLD[:1], [old.v1(0, "../../etc")])),
        rule="v1-layer-missing",
        words="parent is not in the archive",
    ),
    "version-1-of-5-001-layers": Case(
        build=archive([file(f"{old.identity(number)}/json", old.v1(number, number - 1)) for number in range(1, 5_002)]),
        rule="limit-documents",
        words="more than the 5000 layers allowed",
    ),
    "dir-of-an-image-without-blobs": Case(
        build=folder([one for one in skopeo_dir(_NODE) if one.name in ("version", "manifest.json")]),
        rule="blob-missing",
        words="not in the archive",
    ),
    "inline-data-that-lies": Case(
        build=archive(_in_index(data="e30=")),
        rule="data-mismatch",
        words="data",
    ),
    "inline-data-of-mebibytes": Case(
        build=archive(_in_index(data="A" * (3 * _MEBIBYTE))),
        rule="data-mismatch",
        words="data",
    ),
}
