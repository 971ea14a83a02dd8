"""Folders as containers: what lies inside is found, and nothing outside is ever read."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ociarchive.blobio.limits import Limits
from ociarchive.container import DirectoryContainer
from ociarchive.errors import ContentError, HostError
from tests.support.tar import Member, file, folder, symlink, write_folder

A = file("a", b"A" * 600)


def opened(path: Path) -> DirectoryContainer:
    return DirectoryContainer(str(path), "layout")


def content(container: DirectoryContainer, name: str) -> bytes | None:
    source = container.get(name)
    return None if source is None else b"".join(source.chunks())


def rules(container: DirectoryContainer) -> list[str]:
    return [flaw.rule for flaw in container.flaws]


# name: members, what is asked for, its content or the rule that tells why there is none
LOOKED_UP: dict[str, tuple[list[Member], str, bytes | str | None]] = {
    "file": ([A], "a", A.data),
    "file-below": ([file("d/e/a", b"x")], "d/e/a", b"x"),
    "empty-file": ([file("a", b"")], "a", b""),
    "spelled-otherwise": ([file("d/a", b"x")], "./d//a", b"x"),
    "from-the-root": ([A], "/a", A.data),
    "missing": ([A], "c", None),
    "below-a-file": ([A], "a/b", None),
    "the-folder-itself": ([A], "", None),
    "dot": ([A], ".", None),
    "above": ([A], "../a", None),
    "dots-inside": ([A, folder("d")], "d/../a", None),
    "nul": ([A], "a\0", None),
    "symlink": ([A, symlink("l", "a")], "l", A.data),
    "symlink-above": ([A, symlink("d/l", "../a")], "d/l", A.data),
    "through-a-folder": ([file("d/a", b"x"), symlink("e", "d")], "e/a", b"x"),
    "chain": ([A, symlink("l", "m"), symlink("m", "a")], "l", A.data),
    "out-and-in-again": ([A, symlink("l", "../root/a")], "l", A.data),
    "dangling": ([symlink("l", "c")], "l", "link-dangling"),
    "dangling-below-a-file": ([A, symlink("l", "a/b")], "l", "link-dangling"),
    "loop": ([symlink("l", "l")], "l", "link-loop"),
    "loop-of-two": ([symlink("l", "m"), symlink("m", "l")], "l", "link-loop"),
    "escapes": ([symlink("l", "../outside/secret")], "l", "link-escapes"),
    "escapes-to-a-neighbour": ([symlink("l", "../root-2/secret")], "l", "link-escapes"),
    "escapes-through-a-folder": ([symlink("d", "../outside")], "d/secret", "link-escapes"),
    "escapes-by-a-chain": ([symlink("l", "d/secret"), symlink("d", "..//outside")], "l", "link-escapes"),
    "escapes-to-nothing": ([symlink("l", "../nothing")], "l", "link-escapes"),
    "escapes-absolutely": ([symlink("l", "/etc/passwd")], "l", "link-escapes"),
    "folder": ([folder("d")], "d", "member-special"),
    "link-to-a-folder": ([folder("d"), symlink("l", "d")], "l", "member-special"),
}


@pytest.mark.parametrize("name", LOOKED_UP)
def test_looked_up(name: str, tmp_path: Path) -> None:
    members, asked, expected = LOOKED_UP[name]
    for place in ("outside", "root-2"):
        write_folder(tmp_path / place, [file("secret", b"secret")])
    container = opened(write_folder(tmp_path / "root", members))
    for _ in range(2):
        assert content(container, asked) == (expected if isinstance(expected, bytes) else None)
        assert rules(container) == ([expected] if isinstance(expected, str) else [])
    assert all(flaw.where == f"layout: {asked}" for flaw in container.flaws)


def test_an_absolute_link_inside_is_followed(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "root", [A])
    (root / "l").symlink_to(root / "a")
    container = opened(root)
    assert content(container, "l") == A.data
    assert container.get("l") == container.get("a")


def test_the_folder_may_be_a_link_itself(tmp_path: Path) -> None:
    write_folder(tmp_path / "root", [A, symlink("l", "a")])
    (tmp_path / "link").symlink_to("root")
    container = opened(tmp_path / "link")
    assert content(container, "l") == A.data
    assert list(container.names()) == ["a", "l"]
    assert rules(container) == []


def test_special_files_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    container = opened(tmp_path)
    assert container.get("fifo") is None
    assert rules(container) == ["member-special"]
    assert list(container.names()) == ["fifo"]


def test_names(tmp_path: Path) -> None:
    members = [
        file("z", b""),
        file("d/b", b""),
        file("d/a/c", b""),
        file("d.x", b""),
        folder("empty"),
        symlink("l", "d"),
    ]
    container = opened(write_folder(tmp_path / "root", members))
    assert list(container.names()) == ["d.x", "z", "d/b", "d/a/c", "l/b", "l/a/c"]
    assert list(container.names("d/")) == list(container.names("d")) == ["d/b", "d/a/c"]
    assert list(container.names("none/")) == []
    assert list(container.names("z/")) == []
    assert container.kind == "directory"
    container.close()


def test_a_name_that_no_file_can_have_is_not_there(tmp_path: Path) -> None:
    container = opened(tmp_path)
    assert container.get("a" * 300) is None
    assert rules(container) == []


@pytest.mark.parametrize("call", ["os.open", "os.stat", "os.scandir"])
def test_what_the_system_refuses_is_the_hosts_fault(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    container = opened(write_folder(tmp_path / "root", [A, file("d/b", b"b")]))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(call, refuse)
    with pytest.raises(HostError, match=r"cannot read: Permission denied, .* \(layout: (a|d)\)"):
        list(container.names("d/")) if call == "os.scandir" else container.get("a")


LONG_AGO = [file("blobs/sha256/a", b"inside"), folder("other")]


def _file_for_a_link(root: Path) -> None:
    (root / "blobs/sha256/a").unlink()
    (root / "blobs/sha256/a").symlink_to(root.parent / "outside/sha256/a")


def _folder_for_a_link(root: Path) -> None:
    (root / "blobs").rename(root / "old")
    (root / "blobs").symlink_to("../outside")


def _inner_folder_for_a_link(root: Path) -> None:
    (root / "blobs/sha256").rename(root / "old")
    (root / "blobs/sha256").symlink_to(root.parent / "outside/sha256")


def _root_for_a_link(root: Path) -> None:
    root.rename(root.parent / "old")
    (root.parent / "outside").rename(root.parent / "blobs")
    root.symlink_to(root.parent)


def _root_for_another(root: Path) -> None:
    root.rename(root.parent / "old")
    write_folder(root, [file("blobs/sha256/a", b"secret")])


@pytest.mark.parametrize(
    "exchange", [_file_for_a_link, _folder_for_a_link, _inner_folder_for_a_link, _root_for_a_link, _root_for_another]
)
def test_what_is_exchanged_between_look_up_and_reading_leads_nowhere(
    exchange: Callable[[Path], None], tmp_path: Path
) -> None:
    write_folder(tmp_path / "outside", [file("sha256/a", b"secret")])
    container = opened(write_folder(tmp_path / "root", LONG_AGO))
    source = container.get("blobs/sha256/a")
    assert source is not None
    part = source.part(1, 2)
    assert b"".join(part.chunks()) == b"ns"
    exchange(tmp_path / "root")
    for one in (source, part):
        with pytest.raises((ContentError, HostError)):
            list(one.chunks())
        with pytest.raises((ContentError, HostError)):
            one.head(3)


@pytest.mark.parametrize("call", ["get", "names"])
def test_a_folder_that_is_exchanged_during_a_look_up_leads_nowhere(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step of a look-up is the moment at which the next folder becomes a link that leads outside."""
    whole = os.open
    for step in range(1, 9):
        place = tmp_path / str(step)
        write_folder(place / "outside", [file("sha256/a", b"secret"), file("sha256/b", b"secret")])
        container = opened(write_folder(place / "root", LONG_AGO))
        left = step

        def racing(path: str, *args: int, place: Path = place, dir_fd: int | None = None) -> int:
            nonlocal left
            left -= 1
            if not left:
                (place / "root/blobs").rename(place / "root/old")
                (place / "root/blobs").symlink_to("../outside")
            return whole(path, *args, dir_fd=dir_fd)

        with monkeypatch.context() as patched:
            patched.setattr(os, "open", racing)
            try:
                found = content(container, "blobs/sha256/a") if call == "get" else list(container.names("blobs/"))
            except (ContentError, HostError):
                continue
        assert found in (None, b"inside", [], ["blobs/sha256/a"])


def test_a_link_that_climbs_is_walked_within_the_root(tmp_path: Path) -> None:
    """A folder that is moved out of the root while a link is followed does not take the look-up along."""
    members = [A, file("d/e/f", b"f"), symlink("l", "d/e/../../a"), symlink("m", "d/e/../../../root/d/e/f")]
    container = opened(write_folder(tmp_path / "root", members))
    assert content(container, "l") == A.data
    assert content(container, "m") == b"f"


def test_links_end(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "root", [A, folder("d")])
    (root / "0").symlink_to("a")
    for number in range(1, 60):
        (root / str(number)).symlink_to(str(number - 1))
    (root / "long").symlink_to("d/../" * 800 + "a")
    (root / "wide").symlink_to("/".join(["long-2"] * 500))
    (root / "long-2").symlink_to("d/../" * 800 + ".")
    container = opened(root)
    assert content(container, "39") == A.data
    assert content(container, "long") == A.data
    assert rules(container) == []
    assert content(container, "59") is None
    assert content(container, "wide") is None
    assert rules(container) == ["link-loop", "link-loop"]


def test_a_folder_linked_to_outside_is_not_listed(tmp_path: Path) -> None:
    write_folder(tmp_path / "outside", [file("secret", b"secret")])
    container = opened(write_folder(tmp_path / "root", [symlink("blobs", "../outside")]))
    assert list(container.names("blobs/")) == []
    assert rules(container) == ["link-escapes"]


def test_a_name_that_cannot_be_spelled_is_not_there(tmp_path: Path) -> None:
    container = opened(tmp_path)
    for name in ("\ud800", "a/\ud800/b", "a" * 5000):
        assert container.get(name) is None
    assert list(container.names("a\0b/")) == []
    assert rules(container) == []


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    container = opened(write_folder(tmp_path / "root", [A, file("b", b"b"), file("c", b"c")]))
    sources = [container.get(name) for name in "abc"]
    (tmp_path / "root" / "a").write_bytes(b"longer" * 200)
    (tmp_path / "root" / "b").unlink()
    (tmp_path / "root" / "c").unlink()
    (tmp_path / "root" / "c").mkdir()
    expected = [(ContentError, "file changed"), (HostError, "cannot open"), (ContentError, "not a regular file")]
    for source, (kind, message) in zip(sources, expected, strict=True):
        assert source is not None
        with pytest.raises(kind, match=message):
            list(source.chunks())


def test_links_of_a_whole_folder_take_few_steps(tmp_path: Path) -> None:
    """Each look-up is within bounds; ten thousand of them are not."""
    write_folder(tmp_path / "f", [A, folder("x/y"), symlink("d", "x/y/../../" * 50)])
    container = DirectoryContainer(str(tmp_path / "f"), "layout", Limits(links=2000))
    found = [container.get(f"d/{number}") for number in range(50)]
    assert found == [None] * 50
    (flaw,) = container.flaws
    assert (flaw.rule, flaw.subject) == ("limit-links", "layout")
    assert "--limit links=N" in flaw.message
    assert content(container, "a") == A.data, "what no link leads to is read"


def test_usual_folders_take_no_steps(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", [file(f"{'d/' * 20}{number}", b"x") for number in range(9)])
    container = DirectoryContainer(str(tmp_path / "f"), "layout", Limits(links=1))
    assert [content(container, name) for name in container.names()] == [b"x"] * 9
    assert rules(container) == []


def test_deep_folders_are_walked_within_the_bound(tmp_path: Path) -> None:
    write_folder(tmp_path / "f", [file(f"{'d/' * 200}a", b"x")])
    container = DirectoryContainer(str(tmp_path / "f"), "layout", Limits(links=1000))
    assert list(container.names()) == []
    assert rules(container) == ["limit-links"]


def test_names_take_no_more_memory_than_allowed(tmp_path: Path) -> None:
    members = [file(f"{'d' * 200}/{'e' * 200}/{number:04}", b"") for number in range(50)]
    write_folder(tmp_path / "f", members)
    container = DirectoryContainer(str(tmp_path / "f"), "layout", Limits(names_size=10_000))
    found = list(container.names())
    assert 10 < len(found) < 30
    (flaw,) = container.flaws
    assert flaw.rule == "limit-name"
    assert "--limit names-size=N" in flaw.message
    assert container.stored_size == 0
    whole = DirectoryContainer(str(tmp_path / "f"), "layout", Limits(names_size=100_000))
    assert len(list(whole.names())) == 50
    assert rules(whole) == []
