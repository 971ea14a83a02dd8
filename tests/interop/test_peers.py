"""What we write is read by programs that nobody here wrote, and they see the same images."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import oracle, truth
from tests.support.build import digest
from tests.support.call import Call, told
from tests.support.truth import TrueImage

pytestmark = pytest.mark.interop

Program = Callable[..., str]
TRUTHS = truth.load()
# One combination for each format; the first image of each is for the platform that all these programs default to.
SOURCES = {
    "docker-archive": ("docker26-two-images.tar", "none"),
    "oci-layout": ("docker20.tar", "gzip"),
    "oci-archive": ("buildx-oci-attested.tar", "gzip"),
    "dir": ("docker20.tar", "gzip"),
}


@pytest.fixture
def written(tmp_path: Path, cli_call: Call) -> Callable[[str], Path]:
    def convert(form: str) -> Path:
        name, compression = SOURCES[form]
        dest = tmp_path / f"dest-{form}"
        told(cli_call("convert", TRUTHS[name].path, dest, "--to", form, "--compression", compression))
        return dest

    return convert


def expected(form: str) -> Iterator[TrueImage]:
    """Give the images of a format's source that a reader on this platform must see."""
    return (one for one in TRUTHS[SOURCES[form][0]].images if one.platform == "linux/amd64")


def skopeo_sources(form: str, dest: Path) -> Iterator[str]:
    """Spell every image of DEST as skopeo wants it."""
    if form == "docker-archive":
        yield from (f"docker-archive:{dest}:@{number}" for number, _ in enumerate(expected(form)))
    else:
        yield f"{form.removesuffix('-layout')}:{dest}"


@pytest.mark.parametrize("form", SOURCES)
def test_skopeo_reads_it(form: str, written: Callable[[str], Path], tmp_path: Path, skopeo: Program) -> None:
    platform = ("--override-os", "linux", "--override-arch", "amd64")
    sources = list(skopeo_sources(form, written(form)))
    seen = {digest(skopeo(*platform, "inspect", "--config", "--raw", one).encode()) for one in sources}
    assert seen == {one.image_id for one in expected(form)}
    for number, one in enumerate(sources):
        copy = tmp_path / f"copy{number}"
        skopeo(*platform, "copy", "--insecure-policy", one, f"dir:{copy}")
        # The config may come out otherwise, as skopeo makes one of its own for another media type; the layers may not.
        manifest = json.loads((copy / "manifest.json").read_bytes())
        plain = [oracle.unpacked((copy / layer["digest"][7:]).read_bytes())[1] for layer in manifest["layers"]]
        assert tuple(digest(data) for data in plain) in {image.diff_ids for image in expected(form)}


def test_umoci_unpacks_it(written: Callable[[str], Path], tmp_path: Path, umoci: Program) -> None:
    dest = written("oci-layout")
    (name,) = umoci("ls", "--layout", dest).split()
    assert name == "docker.io/corpus/app:1.0"
    umoci("unpack", "--rootless", "--image", f"{dest}:{name}", tmp_path / "bundle")
    assert (tmp_path / "bundle" / "rootfs" / "bin" / "program").is_file()


def podman_sees(podman: Program, form: str, *, names: bool) -> None:
    """Hold what podman says against the truth."""
    for one in expected(form):
        (about,) = json.loads(podman("image", "inspect", one.image_id[7:]))
        assert f"sha256:{about['Id']}" == one.image_id
        assert tuple(about["RootFS"]["Layers"]) == one.diff_ids
        # podman 4 puts localhost/ before the short names that RepoTags hold.
        seen = {name.replace("localhost/", "docker.io/", 1) for name in about["RepoTags"]}
        assert not names or one.references <= seen


def test_podman_loads_a_docker_archive(written: Callable[[str], Path], podman: Program) -> None:
    podman("load", "-q", "-i", written("docker-archive"))
    podman_sees(podman, "docker-archive", names=True)


@pytest.mark.parametrize("form", ["oci-layout", "oci-archive", "dir"])
def test_podman_pulls_the_others(form: str, written: Callable[[str], Path], podman: Program) -> None:
    podman("pull", "-q", "--os", "linux", "--arch", "amd64", f"{form.removesuffix('-layout')}:{written(form)}")
    podman_sees(podman, form, names=False)


def test_docker_loads_a_docker_archive(written: Callable[[str], Path], docker: Program) -> None:
    docker("load", "-q", "-i", written("docker-archive"))
    for one in expected("docker-archive"):
        (about,) = json.loads(docker("image", "inspect", one.image_id))
        assert tuple(about["RootFS"]["Layers"]) == one.diff_ids
        assert one.references <= {oracle.normal(name) for name in about["RepoTags"]}


def test_docker_loads_one_of_several_platforms(tmp_path: Path, cli_call: Call, docker: Program) -> None:
    dest = tmp_path / "dest.tar"
    true = TRUTHS["buildx-oci-attested.tar"]
    told(cli_call("convert", true.path, dest, "--to", "docker-archive"))
    docker("load", "-q", "-i", dest)
    (about,) = json.loads(docker("image", "inspect", "corpus/app:oci"))
    assert (about["Os"], about["Architecture"]) == ("linux", "amd64")


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_containerd_imports_all_platforms(form: str, tmp_path: Path, cli_call: Call, ctr: Program) -> None:
    """k3s and kind take images this way."""
    true = TRUTHS["buildx-oci-attested.tar"]
    dest = tmp_path / "dest.tar"
    told(cli_call("convert", true.path, dest, "--to", form, "--compression", "none"))
    facts = oracle.read(dest)
    ctr("--namespace", form, "images", "import", "--all-platforms", "--snapshotter", "native", dest)
    assert "docker.io/corpus/app:oci" in ctr("--namespace", form, "images", "list", "-q").split()
    held = set(ctr("--namespace", form, "content", "list", "-q").split())
    assert {one.manifest for one in facts.images} | {one.image_id for one in true.images} <= held
    assert {layer.digest for one in facts.images for layer in one.layers} <= held


def test_skopeo_takes_both_platforms_of_an_index_made_by_hand(
    tmp_path: Path, corpus: Path, skopeo: Program, cli_call: Call
) -> None:
    amd, arm, made = corpus / "buildx-docker.tar", tmp_path / "arm", tmp_path / "made"
    multi = corpus / "docker26-containerd-multi.tar"
    told(cli_call("convert", multi, arm, "--to", "dir", "--platform", "linux/arm64", "--without", "attestations"))
    told(cli_call("index", "create", amd, arm, made, "--to", "oci-layout", "--tag", "corpus/app:both"))
    before = {
        one["platform"]: one
        for path in (amd, arm)
        for one in told(cli_call("inspect", "--format", "json", path)).archive()["images"]
    }
    assert set(before) == {"linux/amd64", "linux/arm64"}
    for platform, image in before.items():
        copy = tmp_path / f"copy-{platform[6:]}"
        chosen = ("--override-os", "linux", "--override-arch", platform[6:])
        source = f"oci:{made}:docker.io/corpus/app:both"
        skopeo(*chosen, "copy", "--insecure-policy", "--preserve-digests", source, f"dir:{copy}")
        (taken,) = told(cli_call("inspect", "--format", "json", copy)).archive()["images"]
        assert taken["image_id"] == image["image_id"]
        assert taken["platform"] == platform
        if image["manifest"] is not None:
            assert taken["manifest"] == image["manifest"]
        else:  # an archive without manifests: the one that convert makes
            told(cli_call("convert", amd, tmp_path / "alone", "--to", "dir"))
            (alone,) = told(cli_call("inspect", "--format", "json", tmp_path / "alone")).archive()["images"]
            assert taken["manifest"] == alone["manifest"]
