"""An archive as files by name, to be changed and written back: whoever cheats works on it with common tools."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

from tests.support.build import Node, blob_path, digest, dumped, hexed

Json = dict[str, Any]
Files = dict[str, bytes]
REF_NAME, IMAGE_NAME = "org.opencontainers.image.ref.name", "io.containerd.image.name"
REGISTRY = "docker/registry/v2"


def read(path: Path) -> Files:
    """Give the files of a folder or a tar, in their order."""
    if path.is_dir():
        return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}
    with tarfile.open(path) as tar:
        opened = ((one.name, tar.extractfile(one)) for one in tar.getmembers())
        return {name: file.read() for name, file in opened if file is not None}


def write(path: Path, files: Files) -> None:
    """Put files in the place of those that are there."""
    if not path.is_dir():
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return
    for one in sorted(path.rglob("*")):
        if one.is_file() and str(one.relative_to(path)) not in files:
            one.unlink()
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


class Shelf:
    """The files of one archive, and what its format makes of names and blobs."""

    def __init__(self, path: Path, form: str) -> None:
        """Read it."""
        self.path, self.form, self.files = path, form, read(path)

    def save(self) -> None:
        """Write it back."""
        write(self.path, self.files)

    def place(self, value: str) -> str:
        """Give the name of a blob's file."""
        if self.form == "registry-storage":
            return f"{REGISTRY}/blobs/sha256/{hexed(value)[:2]}/{hexed(value)}/data"
        return hexed(value) if self.form == "dir" else blob_path(value)

    def put(self, data: bytes) -> str:
        """Add a blob; give its digest."""
        self.files[self.place(digest(data))] = data
        return digest(data)

    def document(self, name: str) -> Json:
        """Parse a file."""
        value = json.loads(self.files[name])
        assert isinstance(value, dict)
        return value

    def add(self, node: Node, name: str) -> None:
        """Add an image under a name, with all its blobs."""
        for data in node.blobs.values():
            self.put(data)
        self.tag(name, node.descriptor)

    def tag(self, name: str, descriptor: Json) -> None:
        """Give a name to what is there."""
        if self.form == "registry-storage":
            path, _, tag = name.removeprefix("docker.io/").partition(":")
            base, value = f"{REGISTRY}/repositories/{path}", str(descriptor["digest"])
            document = self.document(self.place(value))
            for part in (document["config"], *document["layers"]):
                self.files[f"{base}/_layers/sha256/{hexed(part['digest'])}/link"] = part["digest"].encode()
            self.files[f"{base}/_manifests/revisions/sha256/{hexed(value)}/link"] = value.encode()
            self.files[f"{base}/_manifests/tags/{tag}/index/sha256/{hexed(value)}/link"] = value.encode()
            self.files[f"{base}/_manifests/tags/{tag}/current/link"] = value.encode()
            return
        index = self.document("index.json")
        kept = {key: descriptor[key] for key in ("mediaType", "digest", "size")}
        index["manifests"].append({**kept, "annotations": {REF_NAME: name, IMAGE_NAME: name}})
        self.files["index.json"] = dumped(index)
        if "manifest.json" in self.files:
            document = self.document(blob_path(str(descriptor["digest"])))
            entries = json.loads(self.files["manifest.json"])
            layers = [blob_path(one["digest"]) for one in document["layers"]]
            tags = [name.removeprefix("docker.io/")]
            entries.append({"Config": blob_path(document["config"]["digest"]), "RepoTags": tags, "Layers": layers})
            self.files["manifest.json"] = dumped(entries)

    def untag(self, name: str) -> Json:
        """Take a name away, and give the descriptor that it led to; the blobs stay."""
        if self.form == "registry-storage":
            path, _, tag = name.removeprefix("docker.io/").partition(":")
            base = f"{REGISTRY}/repositories/{path}/_manifests/tags/{tag}/"
            value = self.files[f"{base}current/link"].decode()
            self.files = {one: data for one, data in self.files.items() if not one.startswith(base)}
            return {"mediaType": "", "digest": value, "size": len(self.files[self.place(value)])}
        index = self.document("index.json")
        (gone,) = (one for one in index["manifests"] if one["annotations"].get(IMAGE_NAME) == name)
        index["manifests"].remove(gone)
        self.files["index.json"] = dumped(index)
        if "manifest.json" in self.files:
            entries = json.loads(self.files["manifest.json"])
            short = name.removeprefix("docker.io/")
            self.files["manifest.json"] = dumped([one for one in entries if short not in one["RepoTags"]])
        assert isinstance(gone, dict)
        return gone
