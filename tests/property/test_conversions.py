"""What no conversion may change, for any image, in any format, through any chain of conversions."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.support import oracle
from tests.support.build import CONTAINERD_NAME, REF_NAME, Image, Json, Saved, docker_archive, layout, skopeo_dir
from tests.support.call import Call, refused, told
from tests.support.strategies import CODECS, Plan, Step, plans, saved_images, steps
from tests.support.tar import Member, changed, flipped, write_folder, write_tar

# One folder for each example is made below; what a fixture holds is set anew by each call.
COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
FOLDERS = itertools.count()


@contextmanager
def folder(base: Path) -> Iterator[Path]:
    """Make a folder that is gone after the example."""
    with TemporaryDirectory(dir=base) as name:
        yield Path(name)


@contextmanager
def planned(base: Path, plan: Plan) -> Iterator[tuple[Path, Path]]:
    """Write a layout as planned, as a folder or a tar by turns."""
    with folder(base) as place:
        source = place / "source"
        write = write_folder if next(FOLDERS) % 2 else write_tar
        write(source, layout(*plan.roots))
        yield place, source


def essence(facts: oracle.Facts, *, named: bool) -> list[tuple[object, ...]]:
    """Give what must come out as it went in, in order; names only where the format can hold them."""
    return [
        (
            one.image_id,
            one.config,
            one.diff_ids,
            one.platform,
            one.references if named else None,
            beyond(one.document, "mediaType", "config", "layers"),
            [beyond(part.descriptor, "mediaType", "digest", "size") for part in one.layers],
            one.descriptor.get("annotations") if one.index else None,
        )
        for one in facts.images
    ]


def beyond(document: Json, *known: str) -> Json:
    """Give the members that are not of these."""
    return {key: value for key, value in document.items() if key not in known}


def contained(before: oracle.Facts, after: oracle.Facts, *, loaded: bool) -> None:
    """Root annotations may gain a name, never lose one; what speaks of an image follows it.

    What was `loaded` from a docker-archive has no ref.name any more that is no full name.
    """
    for old, new in zip(before.roots, after.roots, strict=True):
        annotations = dict(old.get("annotations") or {})
        if loaded and not any(oracle.is_name(annotations.get(key, "")) for key in (CONTAINERD_NAME, REF_NAME)):
            annotations.pop(REF_NAME, None)
        assert annotations.items() <= (new.get("annotations") or {}).items()
    for one, other in zip(before.images, after.images, strict=True):
        assert one.ref_names <= other.ref_names or (loaded and not one.references and not other.ref_names)


def followed(before: oracle.Facts, after: oracle.Facts) -> None:
    """Each attestation and artifact speaks of the same image or index as before."""

    def spoken_of(facts: oracle.Facts) -> list[str | None]:
        labels: dict[str | None, str] = {one.manifest: one.image_id for one in facts.images}
        labels |= {name: f"index {number}" for number, name in enumerate(facts.indexes)}
        return [labels.get(one.refers_to) for one in facts.others]

    assert spoken_of(before) == spoken_of(after)


def extras(facts: oracle.Facts) -> list[Json]:
    """Give the members of indexes that are not of the index itself."""
    return [beyond(one, "schemaVersion", "mediaType", "manifests") for one in facts.indexes.values()]


def damaged(data: st.DataObject, members: list[Member], entries: set[str]) -> list[Member]:
    """Change one byte of one blob."""
    victim = data.draw(st.sampled_from([one for one in members if one.name not in entries and one.data]))
    offset = data.draw(st.integers(0, len(victim.data) - 1))
    mask = data.draw(st.integers(1, 255))
    return changed(members, victim.name, flipped(victim.data, offset, mask))


def found_and_refused(
    write: Callable[[Path, list[Member]], Path], members: list[Member], place: Path, call: Call
) -> None:
    """See that both commands end with status 1, and that nothing was written."""
    source = write(place / "source", members)
    told(call("audit", source), 1)
    for form in ("oci-archive", "docker-archive"):
        refused(call("convert", source, place / "dest", "--to", form, "--no-sync"), 1, place / "dest")


def contents(path: Path) -> dict[str, tuple[int, bytes]]:
    """Give the names, modes and bytes below a path; `.` is a file itself."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return {
        str(one.relative_to(path)): (one.stat().st_mode, b"" if one.is_dir() else one.read_bytes()) for one in files
    }


@settings(COMMON, max_examples=60)
@given(data=st.data(), plan=plans())
def test_chains_keep_what_an_image_is(data: st.DataObject, plan: Plan, tmp_path: Path, cli_call: Call) -> None:
    """Ids, diff_ids, order, platforms, names, annotations and unknown members come out as they went in."""
    chain: list[Step] = data.draw(steps(plan))
    with planned(tmp_path, plan) as (place, source):
        before = oracle.read(source)
        current, named, loaded = source, True, False
        for number, step in enumerate(chain):
            event(step.form)
            dest = place / str(number)
            told(cli_call("convert", current, dest, *step.options, "--no-sync"))
            after = oracle.read(dest)
            named = named and step.form != "dir"
            assert essence(after, named=named) == essence(before, named=named)
            assert extras(after) == extras(before)
            followed(before, after)
            loaded = loaded or step.form == "docker-archive"
            if named:
                contained(before, after, loaded=loaded)
            if step.form == "docker-archive":
                oracle.hybrid(after)
            if step.compression in CODECS:
                assert {one for image in after.images for one in image.stored} <= {step.compression}
            assert not after.strays
            current = dest


@settings(COMMON, max_examples=40)
@given(plan=plans())
def test_there_and_back_with_keep_gives_the_same_manifests(plan: Plan, tmp_path: Path, cli_call: Call) -> None:
    """Nothing has to be rewritten, so nothing is: manifests and indexes keep their bytes through every format."""
    with planned(tmp_path, plan) as (place, source):
        before = oracle.read(source)
        forms = ["docker-archive", "oci-layout", "oci-archive"] + (["dir"] if plan.fits_dir else [])
        for form in forms:
            there, back = place / form, place / f"{form}-back"
            options = ("--compression", "keep", "--no-sync")
            told(cli_call("convert", source, there, "--to", form, *options))
            told(cli_call("convert", there, back, "--to", "oci-layout", *options))
            after = oracle.read(back)
            assert [one.manifest for one in after.images] == [one.manifest for one in before.images]
            assert list(after.indexes) == list(before.indexes)
            assert [root["digest"] for root in after.roots] == [root["digest"] for root in before.roots]
            assert after.blobs == before.blobs


@settings(COMMON, max_examples=25)
@given(data=st.data(), plan=plans())
def test_the_number_of_workers_changes_no_byte(data: st.DataObject, plan: Plan, tmp_path: Path, cli_call: Call) -> None:
    """Output is the same for any number of workers, and for a second run."""
    step: Step = data.draw(steps(plan))[0]
    with planned(tmp_path, plan) as (place, source):
        for name, jobs in (("one", "1"), ("four", "4"), ("again", "4")):
            told(cli_call("convert", source, place / name, *step.options, "--jobs", jobs, "--no-sync", "--no-audit"))
        one, four, again = (contents(place / name) for name in ("one", "four", "again"))
        assert one == four == again


@settings(COMMON, max_examples=25)
@given(three=saved_images(), compression=st.sampled_from(["auto", "gzip", "zstd", "none"]))
def test_saved_archives_gather_in_one_layout(
    three: list[Image], compression: str, tmp_path: Path, cli_call: Call
) -> None:
    """Several SOURCEs give one DEST with all their images, shared blobs once; --merge adds and never rewrites."""
    with folder(tmp_path) as place:
        sources = []
        for number, image in enumerate(three):
            members = docker_archive(Saved(image=image, tags=[f"corpus/app:{number}"]))
            sources.append(write_tar(place / f"{number}.tar", members))
        dest = place / "dest"
        options = ("--to", "oci-layout", "--compression", compression, "--no-sync")
        told(cli_call("convert", *sources[:2], dest, *options))
        first = contents(dest)
        two = oracle.read(dest)
        assert [one.image_id for one in two.images] == [one.image_id for one in three[:2]]

        told(cli_call("convert", sources[2], dest, *options, "--merge"))
        facts = oracle.read(dest)
        assert [one.image_id for one in facts.images] == [one.image_id for one in three]
        assert [one.references for one in facts.images] == [{f"docker.io/corpus/app:{n}"} for n in range(3)]
        assert list(facts.roots[:2]) == list(two.roots)
        after = contents(dest)
        assert {name: after[name] for name in first if name != "index.json"} == {
            name: data for name, data in first.items() if name != "index.json"
        }
        layers_of = {part.diff_id for one in facts.images for part in one.layers}
        assert len(facts.blobs) == 2 * len(three) + len(layers_of)
        assert told(cli_call("audit", "--format", "json", dest)).rules() == set()


@settings(COMMON, max_examples=60)
@given(data=st.data(), plan=plans())
def test_any_byte_flipped_in_a_blob_is_found(data: st.DataObject, plan: Plan, tmp_path: Path, cli_call: Call) -> None:
    """A source that lies is refused with status 1, and nothing is written."""
    form = data.draw(st.sampled_from(["oci-layout", "oci-archive"] + (["dir"] if plan.fits_dir else [])))
    members = skopeo_dir(plan.roots[0]) if form == "dir" else layout(*plan.roots)
    entries = {"oci-layout", "index.json", "version", "manifest.json"}
    members = damaged(data, members, entries)
    with folder(tmp_path) as place:
        found_and_refused(write_folder if form != "oci-archive" else write_tar, members, place, cli_call)


@settings(COMMON, max_examples=30)
@given(data=st.data(), three=saved_images())
def test_any_byte_flipped_in_a_docker_save_is_found(
    data: st.DataObject, three: list[Image], tmp_path: Path, cli_call: Call
) -> None:
    """Nothing but the diff_ids and the config's name vouch for what is in an archive without manifests."""
    members = docker_archive(*(Saved(image=one, tags=[f"corpus/app:{n}"]) for n, one in enumerate(three)))
    members = damaged(data, members, {"manifest.json"})
    with folder(tmp_path) as place:
        found_and_refused(write_tar, members, place, cli_call)
