"""Archives that are odd and lawful: none may be refused, and no warning may be made up."""

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.audit.cases import (
    EMPTY,
    gzip_fields,
    in_layer,
    many_layers,
    stored_as,
    zstd_layer,
)
from tests.audit.faults import ABSENT, NOWHERE, sets, splices
from tests.audit.making import (
    ARM,
    BASE,
    BOTH,
    IMAGE,
    NAME,
    NODE,
    PLAIN,
    SAVED,
    TOP,
    Case,
    described,
    entry,
    listed,
    made,
    manifest_of,
    nested,
    saved,
    without,
)
from tests.audit.tables import chunked, estargz
from tests.formats import test_producers as saves
from tests.formats import test_producers_oci as layouts
from tests.support.build import (
    AMD64,
    COSIGN_SIGNATURE,
    DOCKER_FOREIGN,
    DOCKER_LAYER,
    OCI_FOREIGN,
    OCI_LAYER,
    OCI_MANIFEST,
    Image,
    Node,
    Saved,
    artifact,
    attestation,
    blob,
    blob_path,
    digest,
    docker_archive,
    dumped,
    gzipped,
    hexed,
    hybrid,
    index,
    layer,
    layout,
    packed,
    platforms,
    signature,
    skippable,
    skopeo_dir,
)
from tests.support.call import Call, told
from tests.support.tar import (
    BLOCK,
    Member,
    Style,
    changed,
    file,
    folder,
    hardlink,
    header,
    pax,
    renamed,
    summed,
    symlink,
    tar,
    write_folder,
    write_tar,
)

GOOD = layout(NODE)
TAG = NODE.digest.replace(":", "-")
LONG = "/".join(["a-rather-long-name"] * 20)


def old_tar(members: list[Member]) -> bytes:
    """Make a tar as they were before POSIX: no magic, no owners' names."""
    return b"".join(
        summed(tar([one], end=0)[:257] + bytes(255)) + tar([one], end=0)[BLOCK:] for one in members
    ) + bytes(2 * BLOCK)


def with_size(members: list[Member], form: bytes) -> bytes:
    """Make a tar whose headers write sizes in another form."""
    pieces = [(tar([one], end=0), form % len(one.data)) for one in members]
    return b"".join(summed(one[:124] + size + one[136:BLOCK]) + one[BLOCK:] for one, size in pieces) + bytes(2 * BLOCK)


def special(name: str, flag: bytes, *, size: int = 0, target: str = "") -> bytes:
    """Make the header of a member that has no data."""
    head = header(file(name, b""), size)
    return summed(head[:156] + flag + target.encode().ljust(100, b"\0") + head[257:])


def of_sha512() -> Node:
    """Make an image whose config has a digest of another algorithm."""
    named = digest(IMAGE.config, "sha512")
    node = made(manifest=sets("config/digest", named))
    return replace(node, blobs={**{k: v for k, v in node.blobs.items() if k != IMAGE.image_id}, named: IMAGE.config})


def changed_image(config: dict[str, object]) -> list[Member]:
    """Make a layout whose image's config has these members."""
    return layout(Image(layers=[BASE, TOP], config_members=config).node())


def holding(*members: Member, style: Style = Style.USTAR, before: bytes = b"", record: int = BLOCK) -> list[Member]:
    """Make a layout whose one layer is a tar with these members."""
    return layout(Image(layers=[packed(before + tar(members, style=style, record=record), "gzip")]).node())


def of_artifact(*layers: dict[str, object], config: dict[str, object] | None = None, **members: object) -> Node:
    """Make an artifact of any shape."""
    return described(manifest_of(config or EMPTY, *layers, **members), OCI_MANIFEST, {digest(b"{}"): b"{}"})


def text(data: bytes, **members: object) -> dict[str, object]:
    return {"mediaType": "text/plain", "digest": digest(data), "size": len(data), **members}


def with_blobs(node: Node, *blobs: bytes) -> Node:
    return replace(node, blobs={**node.blobs, **{digest(one): one for one in blobs}})


def referrers() -> list[Member]:
    """Make the tag schema of referrers: an index under the tag sha256-<hex> whose entries speak of the image."""
    sbom = artifact(b"sbom", "application/vnd.example.sbom", subject=NODE)
    bundle = artifact(b"bundle", "application/vnd.dev.sigstore.bundle.v0.3+json", subject=NODE)
    return layout(NODE, index([sbom, bundle]).named(ref_name=TAG))


def deep_referrers() -> list[Member]:
    """Make a signature of an SBOM of an image."""
    sbom = artifact(b"sbom", "application/vnd.example.sbom", subject=NODE)
    return layout(NODE, sbom, artifact(b"signature", "application/vnd.example.signature", subject=sbom))


def compressed_twice() -> Node:
    """Make an index that has one image with gzip layers and with zstd layers, as BuildKit and nerdctl may."""
    variants = [Image(layers=[packed(BASE.plain, codec), packed(TOP.plain, codec)]) for codec in ("gzip", "zstd")]
    nodes = [one.node(platform=AMD64.members()) for one in variants]
    marked = nodes[1].annotated(**{"io.github.containers.compression.zstd": "true"})
    return index([nodes[0], marked])


def windows() -> Image:
    """Make an image for Windows with a foreign layer that is not here."""
    far = replace(BASE, media_type=DOCKER_FOREIGN, members={"urls": ["https://example.com/base"]}, absent=True)
    members = {"os": "windows", "os.version": "10.0.20348.2340", "os.features": ["win32k"]}
    return Image(layers=[far, TOP], platform=None, family="docker", config_members={"architecture": "amd64", **members})


def shared_config() -> list[Member]:
    """Make two manifests of one config, apart from their annotations."""
    return layout(NODE, made(manifest=sets("annotations", {"a": "b"})).named("docker.io/corpus/other:1.0", "1.0"))


WINDOWS = {"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.2340", "os.features": ["win32k"]}
DOCKER_CONFIG = {
    "container": "abc",
    "container_config": {"Hostname": "", "Image": "sha256:abc", "OnBuild": None},
    "docker_version": "20.10.24",
    "moby.buildkit.buildinfo.v1": "e30=",
    "id": "old",
    "parent": "older",
    "throwaway": True,
    "Size": 7,
    "config": {
        "Hostname": "",
        "Domainname": "",
        "User": "1000:1000",
        "AttachStdin": False,
        "Tty": False,
        "Env": ["PATH=/bin", "EMPTY=", "a=b=c"],
        "Cmd": None,
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30_000_000_000},
        "ArgsEscaped": True,
        "Image": "",
        "Volumes": {"/data": {}},
        "WorkingDir": "",
        "Entrypoint": [],
        "OnBuild": None,
        "Labels": {},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "StopSignal": "SIGTERM",
        "Shell": ["/bin/sh", "-c"],
    },
}
HISTORY = [
    {"created": "2024-01-01T00:00:00Z", "created_by": "base"},
    {"created": "2024-01-01T00:00:00.123456789Z", "created_by": "ENV", "empty_layer": True},
    {"created_by": "COPY", "comment": "buildkit.dockerfile.v0", "empty_layer": False},
    {"author": "somebody", "empty_layer": True},
    *[{"empty_layer": True}] * 200,
]

ODD: dict[str, Case] = {
    # -- descriptors
    "unknown-members-everywhere": Case(
        content=changed(
            layout(
                made(
                    config=sets("x", {"y": [None, True, 1.5]}),
                    manifest=lambda data: sets("layers/0/x", {"y": 1})(sets("x", None)(sets("config/x", [])(data))),
                ).described(x={"y": 1})
            ),
            "oci-layout",
            b'{"imageLayoutVersion": "1.0.0", "x": 1}',
        )
    ),
    "annotations-null-and-empty": Case(
        content=layout(
            made(
                manifest=lambda data: sets("annotations", None)(
                    sets("layers/0/annotations", {})(sets("layers/1/annotations", None)(data))
                )
            ).described(annotations={})
        )
    ),
    "optional-members-null": Case(
        content=layout(
            made(
                manifest=lambda data: sets("subject", None)(
                    sets("artifactType", "")(sets("layers/0/urls", None)(sets("layers/0/platform", None)(data)))
                )
            ).described(urls=None, platform=None, data=None, artifactType=None)
        )
    ),
    "artifact-type-of-an-image": Case(
        content=layout(made(manifest=sets("artifactType", "application/vnd.example")).described(artifactType="a/b"))
    ),
    "config-inline": Case(content=layout(made(manifest=sets("config/data", base64.b64encode(IMAGE.config).decode())))),
    "manifest-inline": Case(content=layout(NODE.described(data=base64.b64encode(NODE.blobs[NODE.digest]).decode()))),
    "manifest-inline-alone": Case(
        content=without(
            layout(NODE.described(data=base64.b64encode(NODE.blobs[NODE.digest]).decode())), blob_path(NODE.digest)
        )
    ),
    "urls-of-a-layer-that-is-here": Case(
        content=layout(made(manifest=sets("layers/0/urls", ["https://example.com/a", "file:///a", "urn:x:y"])))
    ),
    "platform-with-all-members": Case(
        content=layout(windows().node(platform={**WINDOWS, "features": ["sse4"], "x": 1}))
    ),
    "platform-of-the-index-alone": Case(content=layout(IMAGE.node(platform={**AMD64.members(), "variant": "v2"}))),
    "platform-on-a-layer": Case(content=layout(made(manifest=sets("layers/0/platform", AMD64.members())))),
    "same-descriptor-twice-in-an-index": Case(content=layout(index([NODE, NODE]))),
    "same-manifest-for-two-platforms": Case(
        content=layout(
            index([IMAGE.node(platform=AMD64.members()), IMAGE.node(platform={**AMD64.members(), "variant": "v3"})])
        )
    ),
    "size-zero": Case(content=layout(NODE, blob(b"", "application/octet-stream"))),
    # -- manifests and indexes
    "no-media-types-in-documents": Case(
        content=entry(
            sets("mediaType", ABSENT),
            listed(platforms([IMAGE]), sets("mediaType", ABSENT)),
            made(manifest=sets("mediaType", ABSENT)),
        )
    ),
    "media-types-null-or-empty": Case(
        content=layout(made(manifest=sets("mediaType", None)), listed(BOTH, sets("mediaType", "")))
    ),
    "docker-types-in-an-oci-index": Case(
        content=layout(index([replace(IMAGE, family="docker").node(), replace(ARM, family="docker").node()]))
    ),
    "oci-layers-in-a-docker-manifest": Case(
        content=layout(Image(layers=[replace(BASE, media_type=f"{OCI_LAYER}+gzip"), TOP], family="docker").node())
    ),
    "docker-config-in-an-oci-manifest": Case(
        content=layout(made(manifest=sets("config/mediaType", "application/vnd.docker.container.image.v1+json")))
    ),
    "docker-zstd": Case(
        content=layout(
            Image(
                layers=[replace(packed(BASE.plain, "zstd"), media_type=f"{DOCKER_LAYER}.zstd")], family="docker"
            ).node()
        )
    ),
    "index-in-index-in-index": Case(content=layout(nested(3, BOTH))),
    "index-with-a-subject": Case(content=layout(NODE, index([ARM.node()], members={"subject": NODE.descriptor}))),
    "index-with-an-artifact-type": Case(
        content=layout(index([NODE], members={"artifactType": "application/vnd.example", "annotations": {"a": "b"}}))
    ),
    "index-of-what-is-no-manifest": Case(content=layout(index([NODE, blob(b"text", "text/plain")]))),
    "index.json-with-more": Case(
        content=entry(lambda data: sets("annotations", {"a": "b"})(sets("x", {"layers": [], "config": {}})(data)))
    ),
    "index.json-pretty": Case(content=entry(lambda data: json.dumps(json.loads(data), indent="\t").encode() + b"\n")),
    "documents-with-blanks": Case(
        content=layout(made(config=lambda data: b"\n " + data + b"\r\n\t", manifest=lambda data: data + b"\n"))
    ),
    "escapes-in-documents": Case(
        content=layout(
            made(config=splices(b'"author":"\\u0041\\/\\ud83d\\ude00\\u0000"'), manifest=splices(b'"x":"\\u00e9"'))
        )
    ),
    "unicode-in-documents": Case(content=layout(made(config=splices('"author":"é漢🚢\u2028\ufeff"'.encode())))),
    "numbers-at-their-limits": Case(
        content=layout(made(config=splices(b'"x":[9223372036854775807,-9223372036854775808,1.7e308,-0,0.1e-5]')))
    ),
    "tags-of-one-manifest": Case(content=layout(*(IMAGE.node().named(ref_name=f"v{number}") for number in range(20)))),
    "one-tag-of-two-repositories": Case(content=layout(NODE, ARM.node().named("docker.io/corpus/other:1.0", "1.0"))),
    "two-manifests-of-one-config": Case(content=shared_config()),
    # -- configs
    "config-as-docker-writes-it": Case(content=changed_image(DOCKER_CONFIG)),
    "config-of-nulls": Case(
        content=changed_image(
            {"config": {"Env": None, "Cmd": None, "Entrypoint": None, "Labels": None, "Volumes": None}}
        )
    ),
    "config-without-config": Case(content=layout(made(config=sets("config", ABSENT)))),
    "config-with-many-empty-layers": Case(content=changed_image({"history": HISTORY})),
    "config-without-history": Case(content=layout(made(config=sets("history", ABSENT)))),
    "config-with-a-variant": Case(content=layout(replace(ARM, config_members={"variant": "v8"}).node())),
    "config-created-null": Case(content=layout(made(config=sets("created", None)))),
    "config-created-with-an-offset": Case(content=layout(made(config=sets("created", "2024-01-01T00:00:00+05:45")))),
    "config-of-an-odd-platform": Case(
        content=layout(Image(layers=[BASE], config_members={"os": "wasip1", "architecture": "wasm"}).node())
    ),
    "windows-without-its-foreign-layer": Case(content=layout(windows().node(platform=WINDOWS))),
    # -- layers
    "layer-of-no-bytes": Case(content=layout(Image(layers=[packed(b"", "none"), BASE]).node())),
    "gzip-layer-of-no-bytes": Case(content=layout(Image(layers=[packed(b"", "gzip")]).node())),
    "empty-tar": Case(content=layout(Image(layers=[packed(bytes(1024), "gzip"), packed(bytes(1024), "none")]).node())),
    "layer-twice": Case(content=layout(Image(layers=[BASE, TOP, BASE]).node())),
    "layers-127": Case(content=layout(many_layers(127).node())),
    "layer-plain-and-gzip-and-zstd": Case(
        content=layout(
            Image(layers=[packed(BASE.plain, "none"), packed(TOP.plain, "gzip"), layer({"c": b"c"}, "zstd")]).node()
        )
    ),
    "one-image-as-gzip-and-zstd": Case(content=layout(compressed_twice())),
    "gzip-with-a-name": Case(content=layout(in_layer(gzipped(BASE.plain, name=b"layer.tar")).node())),
    "gzip-with-every-field": Case(content=layout(in_layer(gzip_fields(BASE.plain)).node())),
    "gzip-of-many-members": Case(content=layout(in_layer(gzipped(BASE.plain, members=300)).node())),
    "gzip-with-empty-members": Case(content=layout(in_layer(gzipped(b"") * 3 + BASE.stored + gzipped(b"") * 3).node())),
    "gzip-stored": Case(content=layout(in_layer(gzipped(BASE.plain, level=0)).node())),
    "gzip-with-a-time": Case(content=layout(in_layer(gzip.compress(BASE.plain, mtime=1_700_000_000)).node())),
    "zstd-of-many-frames": Case(content=layout(zstd_layer(packed(BASE.plain, "zstd", parts=200).stored).node())),
    "zstd-with-skippable-frames": Case(
        content=layout(
            zstd_layer(skippable(b"first") + packed(BASE.plain, "zstd").stored + skippable(b"x" * 70_000)).node()
        )
    ),
    "zstd-without-a-size": Case(
        content=layout(zstd_layer(zstandard.ZstdCompressor(write_content_size=False).compress(BASE.plain)).node())
    ),
    "zstd-with-a-checksum": Case(
        content=layout(zstd_layer(zstandard.ZstdCompressor(write_checksum=True).compress(BASE.plain)).node())
    ),
    "zstd-ultra": Case(content=layout(zstd_layer(zstandard.ZstdCompressor(level=22).compress(BASE.plain)).node())),
    "estargz": Case(content=layout(estargz().node())),
    "zstd-chunked": Case(content=layout(chunked().node())),
    "foreign-layer-here": Case(content=layout(Image(layers=[replace(BASE, media_type=OCI_FOREIGN), TOP]).node())),
    "foreign-layer-absent": Case(
        content=layout(Image(layers=[replace(BASE, media_type=OCI_FOREIGN, absent=True), TOP]).node())
    ),
    "encrypted-layer": Case(
        content=layout(
            Image(
                layers=[replace(BASE, stored=b"\x00secret" * 50, media_type=f"{OCI_LAYER}+gzip+encrypted"), TOP]
            ).node()
        )
    ),
    "layer-of-an-unknown-type": Case(
        content=layout(Image(layers=[replace(BASE, media_type="application/vnd.example.later.v2.tar+br"), TOP]).node())
    ),
    "sha512": Case(
        content=layout(
            replace(IMAGE, layers=[replace(one, algorithm="sha512") for one in IMAGE.layers], algorithm="sha512").node()
        )
    ),
    # -- what is in layers: nothing of it concerns the archive
    "layer-with-absolute-names": Case(content=holding(file("/etc/passwd", b"x"))),
    "layer-with-names-above": Case(content=holding(file("../../etc/passwd", b"x"))),
    "layer-with-doubled-names": Case(content=holding(file("a", b"1"), file("a", b"2"))),
    "layer-with-links": Case(
        content=holding(
            file("a", b"x"), hardlink("b", "a"), symlink("c", "../../../etc"), symlink("d", "d"), hardlink("e", "none")
        )
    ),
    "layer-with-whiteouts": Case(content=holding(file("etc/.wh.passwd", b""), file("var/.wh..wh..opq", b""))),
    "layer-of-gnu": Case(content=holding(file("a" * 300, b"x"), style=Style.GNU)),
    "layer-of-pax": Case(content=holding(file("ü" * 150, b"x"), style=Style.PAX)),
    "layer-with-xattrs": Case(
        content=holding(
            file("bin/ping", b"x"),
            before=pax(
                {"SCHILY.xattr.security.capability": "\u0001 \u0000", "LIBARCHIVE.xattr.user.a": "Yg==", "mtime": "1.5"}
            ),
        )
    ),
    "layer-with-a-global-header": Case(content=holding(file("a", b"x"), before=pax({"comment": "0" * 40}, flag=b"g"))),
    "layer-padded-to-a-record": Case(content=holding(file("a", b"x"), record=10_240)),
    "layer-without-an-end": Case(content=layout(Image(layers=[packed(tar([file("a", b"x")], end=0), "gzip")]).node())),
    "layer-with-bytes-behind-its-end": Case(
        content=layout(Image(layers=[packed(tar([file("a", b"x")]) + b"stargz" * 100, "gzip")]).node())
    ),
    # -- what speaks of images
    "referrers-by-tag": Case(content=referrers()),
    "referrers-of-referrers": Case(content=deep_referrers()),
    "cosign": Case(
        content=layout(
            NODE, *(signature(NODE).named(ref_name=f"{TAG}{suffix}") for suffix in (".sig", ".att", ".sbom"))
        )
    ),
    "attestations": Case(
        content=layout(index([IMAGE.node(), ARM.node(), attestation(IMAGE.node()), attestation(ARM.node())]))
    ),
    "attestations-of-index.json": Case(content=layout(NODE, attestation(NODE))),
    "artifact-with-the-empty-config": Case(content=layout(artifact(b"x", "application/vnd.example"))),
    "artifact-with-the-empty-config-inline-alone": Case(
        content=without(layout(artifact(b"x", "application/vnd.example")), blob_path(digest(b"{}")))
    ),
    "artifact-with-an-empty-layer": Case(content=layout(of_artifact(EMPTY, artifactType="application/vnd.example"))),
    "artifact-with-a-config-of-its-own": Case(
        content=layout(
            with_blobs(
                of_artifact(text(b"x"), config={**EMPTY, "mediaType": "application/vnd.example.config.v1+json"}), b"x"
            )
        )
    ),
    "artifact-of-many-files": Case(
        content=layout(
            with_blobs(
                of_artifact(
                    *(text(b"%d" % n, annotations={"org.opencontainers.image.title": f"{n}.txt"}) for n in range(50)),
                    artifactType="application/vnd.example",
                ),
                *(b"%d" % n for n in range(50)),
            )
        )
    ),
    "artifact-elsewhere": Case(
        content=layout(
            of_artifact(
                {"mediaType": "a/b", "digest": NOWHERE, "size": 5, "urls": ["https://example.com/x"]},
                artifactType="application/vnd.example",
            )
        )
    ),
    "oras-files": Case(content=layout(stored_as(OCI_LAYER, EMPTY, artifactType="application/vnd.unknown.artifact.v1"))),
    "oras-folders": Case(content=layout(stored_as(f"{OCI_LAYER}+gzip", EMPTY, artifactType="application/vnd.example"))),
    "oras-files-of-old": Case(
        content=layout(stored_as(OCI_LAYER, {**EMPTY, "mediaType": "application/vnd.unknown.config.v1+json"}))
    ),
    "artifact-without-a-type": Case(content=layout(stored_as("text/plain", EMPTY))),
    "helm-chart": Case(
        content=layout(
            with_blobs(
                of_artifact(
                    {
                        "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                        "digest": BASE.digest,
                        "size": len(BASE.stored),
                    },
                    config={**EMPTY, "mediaType": "application/vnd.cncf.helm.config.v1+json"},
                ),
                BASE.stored,
            )
        )
    ),
    "cosign-payload-without-a-tag": Case(
        content=layout(
            NODE, with_blobs(of_artifact({**text(b"{}"), "mediaType": COSIGN_SIGNATURE}, artifactType="a/b"), b"{}")
        )
    ),
    "blob-of-an-unknown-type": Case(content=layout(NODE, blob(b'{"layers": 5}', "application/vnd.example+json"))),
    "blob-of-an-unknown-type-that-is-no-json": Case(
        content=layout(NODE, blob(b"\xff\x00[", "application/vnd.example+json"))
    ),
    # -- containers
    "ustar": Case(content=tar(GOOD)),
    "gnu": Case(content=tar([*GOOD, file(LONG, b"x")], style=Style.GNU)),
    "pax": Case(content=tar([*GOOD, file(LONG, b"x"), file("ümläut", b"x")], style=Style.PAX)),
    "base-256": Case(content=tar(GOOD, base256=True)),
    "padded-to-10240": Case(content=tar(GOOD, record=10_240)),
    "padded-to-a-megabyte": Case(content=tar(GOOD, record=1 << 20)),
    "global-header-as-git-writes": Case(content=pax({"comment": "0123456789" * 4}, flag=b"g") + tar(GOOD)),
    "pax-records-of-all-kinds": Case(
        content=pax(
            {
                "atime": "1700000000.5",
                "ctime": "1",
                "mtime": "-1.5",
                "uid": "4294967296",
                "uname": "jürgen",
                "hdrcharset": "ISO-IR 10646 2000 UTF-8",
                "SCHILY.xattr.user.a": "b=c\n",
                "LIBARCHIVE.creationtime": "1",
                "VENDOR.x": "",
            }
        )
        + tar(GOOD)
    ),
    "pax-size-that-agrees": Case(content=pax({"size": str(len(GOOD[0].data))}) + tar(GOOD)),
    "dotted-names": Case(content=[folder("."), *renamed(GOOD, "./")]),
    "folders": Case(content=[folder("blobs"), folder("blobs/sha256"), *GOOD]),
    "folders-behind-what-is-in-them": Case(content=[*GOOD, folder("blobs/sha256"), folder("blobs")]),
    "entry-first": Case(content=GOOD[::-1]),
    "entry-in-the-middle": Case(content=[GOOD[0], *GOOD[-2:], *GOOD[1:-2]]),
    "hard-link-to-a-blob": Case(
        content=[*without(GOOD, GOOD[0].name), file("x", GOOD[0].data), hardlink(GOOD[0].name, "x")]
    ),
    "symlink-to-a-blob": Case(
        content=[*without(GOOD, GOOD[0].name), file("x", GOOD[0].data), symlink(GOOD[0].name, "../../x")]
    ),
    "symlinked-blobs": Case(
        content=[Member(one.name.replace("blobs/", "store/"), one.data) for one in GOOD] + [symlink("blobs", "store")]
    ),
    "other-files-beside": Case(
        content=[*GOOD, file("README.md", b"x"), file("VERSION", b"1"), file("index.json.bak", b"{")]
    ),
    "gzip-of-all": Case(content=gzip.compress(tar(GOOD))),
    "gzip-of-all-padded": Case(content=gzip.compress(tar(GOOD)) + bytes(4096)),
    "zstd-in-gzip-of-all": Case(content=gzip.compress(zstandard.ZstdCompressor().compress(tar(GOOD)))),
    "folder-with-other-files": Case(content=[*GOOD, file("ingest/tmp", b""), file(".gitignore", b"")], folder=True),
    "dir-without-version": Case(content=without(skopeo_dir(NODE), "version"), folder=True),
    "dir-with-signatures": Case(content=skopeo_dir(NODE, signatures=[b"a", b"b"]), folder=True),
    "dir-with-an-index": Case(content=skopeo_dir(BOTH), folder=True),
    "dir-with-sha512": Case(
        content=skopeo_dir(replace(IMAGE, layers=[replace(BASE, algorithm="sha512")]).node()), folder=True
    ),
    # -- docker save
    "docker-without-tags": Case(content=docker_archive(replace(SAVED, tags=None))),
    "docker-with-v1-files": Case(
        content=[
            *docker_archive(SAVED, repositories=True),
            file(f"{'a' * 64}/VERSION", b"1.0"),
            file(f"{'a' * 64}/json", b"{}"),
        ]
    ),
    "docker-with-a-digest-for-a-tag": Case(content=docker_archive(replace(SAVED, tags=[f"corpus/app@{NOWHERE}"]))),
    "docker-of-two-images": Case(content=docker_archive(SAVED, Saved(image=IMAGE, tags=["corpus/other:1.0"]))),
    "docker-one-image-twice": Case(content=docker_archive(SAVED, replace(SAVED, tags=["corpus/other:1.0"]))),
    "docker-with-unknown-members": Case(content=saved(sets("0/Parent", ""))),
    "docker-unpacked": Case(content=docker_archive(SAVED), folder=True),
    "docker-layers-as-docker-25-names-them": Case(
        content=docker_archive(
            Saved(
                image=PLAIN,
                config_name=blob_path(PLAIN.image_id),
                layer_names=[blob_path(one.diff_id) for one in PLAIN.layers],
            )
        )
    ),
    "docker-layers-as-podman-names-them": Case(
        content=docker_archive(Saved(image=PLAIN, layer_names=[f"{hexed(one.diff_id)}.tar" for one in PLAIN.layers]))
    ),
    "docker-layers-as-crane-names-them": Case(
        content=docker_archive(
            Saved(
                image=IMAGE,
                config_name=IMAGE.image_id,
                layer_names=[f"{hexed(one.digest)}.tar.gz" for one in IMAGE.layers],
            )
        )
    ),
    "docker-layers-of-other-names": Case(
        content=docker_archive(Saved(image=PLAIN, layer_names=["a b.tar", "ü/layer"]))
    ),
    "hybrid": Case(content=hybrid(SAVED)),
    "hybrid-of-one-platform": Case(
        content=[
            *layout(platforms([PLAIN, ARM]).named(NAME, "1.0")),
            file(
                "manifest.json",
                dumped(
                    [
                        {
                            "Config": blob_path(PLAIN.image_id),
                            "RepoTags": ["corpus/app:1.0"],
                            "Layers": [blob_path(one.digest) for one in PLAIN.layers],
                        }
                    ]
                ),
            ),
        ]
    ),
}
ODD |= {
    "old-tar-without-a-magic": Case(content=old_tar(GOOD)),
    "tar-with-unterminated-numbers": Case(content=with_size(GOOD, b"%012o")),
    "tar-with-numbers-set-in-blanks": Case(content=with_size(GOOD, b"%11o ")),
    "tar-with-a-volume-label": Case(content=special("a label", b"V") + tar(GOOD)),
    "tar-with-a-device-beside": Case(content=special("dev/null", b"3") + tar(GOOD)),
    "hard-link-with-a-size": Case(
        content=tar(GOOD, end=0) + special("x", b"1", size=700, target="index.json") + tar([file("last", b"")])
    ),
    "folder-with-a-size": Case(content=special("x/", b"5", size=700) + tar(GOOD)),
    "folder-whose-blobs-are-linked": Case(
        content=[replace(one, name=one.name.replace("blobs/", "store/")) for one in GOOD],
        folder=True,
        links={"blobs": "store"},
    ),
    "folder-whose-algorithm-is-linked": Case(
        content=[*(replace(one, name=one.name.replace("blobs/sha256/", "store/")) for one in GOOD), folder("blobs")],
        folder=True,
        links={"blobs/sha256": "../store"},
    ),
    "tar-whose-algorithm-is-linked": Case(
        content=[
            *(replace(one, name=one.name.replace("blobs/sha256/", "store/")) for one in GOOD),
            symlink("blobs/sha256", "../store"),
        ]
    ),
    "folder-whose-entry-is-linked": Case(
        content=[*without(GOOD, "index.json"), file("real.json", GOOD[-1].data)],
        folder=True,
        links={"index.json": "real.json"},
    ),
    "config-of-sha512": Case(content=layout(of_sha512())),
    "config-under-two-algorithms": Case(content=layout(of_sha512(), NODE)),
}
# What an auditor must know of some of them, although they are lawful.
WARNS: dict[str, set[str]] = {
    "layer-with-names-above": {"layer-path-outside"},
    "layer-with-doubled-names": {"layer-path-doubled"},
    "layer-with-links": {"layer-link-dangling"},
    "tar-with-a-device-beside": {"member-device"},
}


def rows(cases: dict[str, Case]) -> list[Any]:
    return [pytest.param(name, case, id=name) for name, case in cases.items()]


def warned(call: Call, *arguments: str | Path) -> set[str]:
    """Audit, and see that there is no error; give the warnings."""
    result = told(call("audit", "--format", "json", "--no-config", "--jobs", "1", *arguments))
    found: set[str] = result.rules("warning")
    assert not result.rules("error")
    return found


@pytest.mark.parametrize(("name", "case"), rows(ODD))
def test_odd_is_no_error(name: str, case: Case, tmp_path: Path, cli_call: Call) -> None:
    assert warned(cli_call, *case.arguments(tmp_path)) == WARNS.get(name, set())


# -- the shapes that producers write -----------------------------------------------------------------------------------

SAVE_WARNS: dict[str, set[str]] = {
    "absolute-members": {"member-name-absolute"},
    "manifests-null": {"index-without-manifests", "blob-unreferenced"},
}
LAYOUT_WARNS: dict[str, set[str]] = {
    "odd-ref-name": {"reference-malformed"},
    "empty-platform": {"platform-empty"},
    "no-layers": {"layers-empty"},
}


@pytest.mark.parametrize("name", saves.SHAPES)
def test_saves_as_producers_write_them(name: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_tar(tmp_path / "saved", saves.SHAPES[name].members)
    assert warned(cli_call, path) == SAVE_WARNS.get(name, set())


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive"])
@pytest.mark.parametrize("name", layouts.SHAPES)
def test_layouts_as_producers_write_them(name: str, form: str, tmp_path: Path, cli_call: Call) -> None:
    write = write_folder if form == "oci-layout" else write_tar
    path = write(tmp_path / "source", layout(*layouts.SHAPES[name].roots))
    assert warned(cli_call, path) == LAYOUT_WARNS.get(name, set())


SINGLE = [name for name, shape in layouts.SHAPES.items() if len(shape.roots) == 1 and "dir" in shape.into]


@pytest.mark.parametrize("name", SINGLE)
def test_dirs_as_producers_write_them(name: str, tmp_path: Path, cli_call: Call) -> None:
    path = write_folder(tmp_path / "source", skopeo_dir(layouts.SHAPES[name].roots[0]))
    # Names and platforms of the outermost descriptor have no place in a dir.
    earned = LAYOUT_WARNS.get(name, set()) - {"reference-malformed"}
    assert warned(cli_call, path) == earned


STYLES: dict[str, dict[str, Any]] = {
    "ustar": {"style": Style.USTAR},
    "gnu": {"style": Style.GNU},
    "pax": {"style": Style.PAX},
    "base-256": {"style": Style.GNU, "base256": True},
    "records": {"style": Style.GNU, "record": 10_240},
}


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("prefix", ["", "./", ".//"])
def test_tars_of_every_style(name: str, prefix: str, tmp_path: Path, cli_call: Call) -> None:
    for number, members in enumerate((layout(BOTH), hybrid(SAVED), docker_archive(SAVED, repositories=True))):
        path = write_tar(tmp_path / str(number), renamed(members, prefix), **STYLES[name])
        assert warned(cli_call, path) == set()
