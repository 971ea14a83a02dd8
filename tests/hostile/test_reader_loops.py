"""What counts multiply inside of a reader comes to its end within the bounds, whatever is named how often."""

import json
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ociarchive.container import TarContainer
from ociarchive.documents import Document
from ociarchive.errors import ContentError
from ociarchive.formats.format import Content
from ociarchive.formats.registry import pushed_to
from ociarchive.formats.registry_storage import REGISTRY_STORAGE
from ociarchive.mediatypes import OCI_MANIFEST
from ociarchive.model import Artifact, Blob, Root
from ociarchive.opening import open_archive
from ociarchive.opening.refused import NotAnArchiveError
from ociarchive.remote.address import Address
from ociarchive.values import Descriptor, Digest, Reference
from tests.hostile import loops, storages
from tests.hostile.parts import SAVED
from tests.hostile.process import MEMORY, SECONDS, run
from tests.support.build import docker_archive
from tests.support.parts import cut
from tests.support.tar import file, tar, write_tar

CASES = {**loops.CASES, **storages.CASES}
ARTIFACT = Artifact(document=Document(b"{}", {}), source=None, artifact_type=None)


@pytest.mark.parametrize("name", CASES)
def test_stays_within_the_bounds(name: str, tmp_path: Path) -> None:
    case, source, place = CASES[name], tmp_path / "source", tmp_path / "place"
    place.mkdir()
    case.build(source)
    statuses, said = [], ""
    for number, (command, *words) in enumerate(case.calls):
        options = [str(tmp_path / f"dest-{number}") if word == "DEST" else word for word in words]
        options += ["--jobs", "2", *(["--no-sync"] if command == "convert" else [])]
        ended = run(command, source, *options, place=place)
        assert ended.status in (0, 1, 2), f"{command} {words}: {ended.status}, {ended.stderr[-500:]}"
        assert ended.peak < MEMORY, f"{command} {words}: {ended.peak >> 20} MiB"
        for bad in ("Traceback", "a fault in ociarchive"):
            assert bad not in ended.stderr, ended.stderr[-500:]
        statuses.append(ended.status)
        said += ended.stderr + ended.stdout.decode()
    assert statuses[0] == case.status, said[-500:]
    assert case.says in said


def test_ten_thousand_parts_that_changed(tmp_path: Path) -> None:
    """In each of them lies something, which the report says."""
    data = tar([*docker_archive(SAVED), *(file(f"s{number}", b"x") for number in range(9500))])
    listed = cut(tmp_path / "app.tar", data, 1000)
    told = json.loads(listed.read_text())
    listed.write_text(json.dumps({**told, "parts": [{**part, "sha256": "0" * 64} for part in told["parts"]]}))
    ended = run("audit", "--format", "json", listed, "--jobs", "2", place=tmp_path)
    assert (ended.status, ended.peak < MEMORY) == (1, True), ended.stderr[-500:]
    assert "in it lies s" in ended.stdout.decode()


def test_names_are_searched_once_for_all_folders_around_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = 0

    def names(container: TarContainer, prefix: str = "") -> Iterator[str]:
        nonlocal given
        for name in usual(container):
            given += 1
            if name.startswith(prefix):
                yield name

    usual = TarContainer.names
    monkeypatch.setattr(TarContainer, "names", names)
    path = write_tar(tmp_path / "a.tar", (file("a/" * 15 + str(number), b"") for number in range(1000)))
    with pytest.raises(NotAnArchiveError):
        open_archive(str(path))
    assert given < 25_000


def within_the_bounds(work: Callable[[], object]) -> None:
    """Do something in a process that may take as much of the processor as a call."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        try:
            work()
        except BaseException:  # noqa: BLE001  the status says it
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def described(number: int) -> Descriptor:
    return Descriptor.make(OCI_MANIFEST, Digest("sha256", f"{number:064x}"), 1)


def test_signatures_of_one_name_are_pushed() -> None:
    """Each signature is of every image of that name."""
    name = Reference.parse("example.com/app:1")
    kind = described(1).annotate({"kind": "dev.cosignproject.cosign/sigs"})
    tops = tuple(Root(descriptor=described(0), node=ARTIFACT, names=(name,)) for _ in range(12_000))
    signed = tuple(Root(descriptor=kind, node=ARTIFACT, attached=name) for _ in range(12_000))

    def work() -> None:
        holding = pushed_to(Address(host="example.com", repository="app"), tagged=False).holding
        assert holding is not None
        content, _ = holding.admit(Content(roots=(*signed, *tops)))
        assert len(content.roots) == len(signed) + 1
        assert [str(one.tag) for one in content.roots[0].names] == [f"sha256-{0:064}.sig"]

    within_the_bounds(work)


def test_signatures_of_an_image_in_very_many_repositories() -> None:
    names = tuple(Reference("docker.io", f"a{number}", "1") for number in range(2000))
    image = Root(descriptor=described(0), node=ARTIFACT, names=names)
    spoken = ((Blob(descriptor=described(1), source=None, name="x"), (described(0).digest,)),)
    signature = Artifact(document=Document(b"{}", {}), source=None, artifact_type=None, spoken_of=spoken)
    kind = {"kind": "dev.cosignproject.cosign/sigs"}
    signed = (Root(descriptor=described(2 + number).annotate(kind), node=signature) for number in range(300))
    layout = REGISTRY_STORAGE.layout
    assert layout is not None
    with pytest.raises(ContentError, match="more than 500000 tags for signatures"):
        layout.admit(Content(roots=(image, *signed)))


def test_a_root_that_refers_to_very_many_finds_its_repository() -> None:
    """It comes up again with each of them that gets one."""
    subjects = tuple(described(number).digest for number in range(1, 24_000))
    spoken = ((Blob(descriptor=described(0), source=None, name="x"), subjects),)
    all_of_them = Artifact(document=Document(b"{}", {}), source=None, artifact_type=None, spoken_of=spoken)
    top = Root(descriptor=described(0), node=ARTIFACT, names=(Reference.parse("a:1"),))
    kind = {"kind": "dev.cosignproject.cosign/sigs"}
    last = Root(descriptor=described(99_999).annotate(kind), node=all_of_them)
    referring = (
        Root(
            descriptor=described(number),
            node=Artifact(document=Document(b"{}", {}), source=None, artifact_type=None, subject=described(0)),
        )
        for number in range(1, 4500)
    )
    content = Content(roots=(top, *referring, last))

    def work() -> None:
        layout = REGISTRY_STORAGE.layout
        assert layout is not None
        assert len(layout.admit(content)[0].roots) == len(content.roots)

    within_the_bounds(work)
