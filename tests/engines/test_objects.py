"""Archives in object storage are those of files: read by ranges, known by ETag; what goes wrong there is said."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ociarchive.objects import settings
from ociarchive.objects.address import parse
from ociarchive.objects.file import ObjectFile
from ociarchive.objects.store import store_of
from tests.support import faulty
from tests.support.build import Image, layer, layout
from tests.support.call import Call, refused, told
from tests.support.objects import BUCKET, Objects, serving
from tests.support.tar import tar

pytest.importorskip("obstore")
NAMES = ("docker20.tar", "buildx-oci-zstd.tar", "podman5-oci-archive.tar", "crane-tarball.tar")
AT = f"s3://{BUCKET}"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Objects]:
    """Give an empty bucket, to which the environment leads."""
    with serving() as objects:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL_S3"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {
            "AWS_ACCESS_KEY_ID": "known",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL": objects.url,
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        }.items():
            monkeypatch.setenv(name, value)
        yield objects


def plain(text: str, of: str) -> object:
    return json.loads(text.replace(of, "AT"))


@pytest.mark.parametrize("name", NAMES)
def test_an_object_is_what_the_file_is(name: str, there: Objects, corpus: Path, cli_call: Call, tmp_path: Path) -> None:
    there.stored[f"in/{name}"] = (corpus / name).read_bytes()
    for call in (("audit", "--format", "json", "--no-config"), ("inspect", "--format", "json")):
        here = told(cli_call(*call, corpus / name)).stdout
        assert plain(told(cli_call(*call, f"{AT}/in/{name}")).stdout, f"{AT}/in") == plain(here, str(corpus))
    told(cli_call("convert", f"{AT}/in/{name}", tmp_path / "a", "--to", "oci-layout"))
    told(cli_call("convert", corpus / name, tmp_path / "b", "--to", "oci-layout"))
    told(cli_call("diff", tmp_path / "a", tmp_path / "b"))
    assert (tmp_path / "a" / "index.json").read_bytes() == (tmp_path / "b" / "index.json").read_bytes()
    told(cli_call("diff", f"{AT}/in/{name}", tmp_path / "a"))
    there.asked.clear()
    told(cli_call("audit", f"{AT}/in/{name}"))
    assert there.gets() == [(f"in/{name}", f"bytes=0-{len(there.stored[f'in/{name}']) - 1}")]  # a small one at once


def test_one_that_is_compressed_as_a_whole(there: Objects, corpus: Path, cli_call: Call) -> None:
    there.stored["app.tar.gz"] = gzip.compress((corpus / "docker20.tar").read_bytes())
    assert told(cli_call("audit", f"{AT}/app.tar.gz", "--format", "json")).archive()["format"] == "docker-archive"


def test_what_is_damaged_fails_as_in_a_file(there: Objects, cli_call: Call, tmp_path: Path) -> None:
    for name in ("damaged", "cut", "none"):
        path = faulty.write(name, tmp_path)
        there.stored[name] = path.read_bytes()
        here = cli_call("audit", path, "--format", "json", "--no-config")
        far = cli_call("audit", f"{AT}/{name}", "--format", "json", "--no-config")
        assert far.status == here.status
    there.stored["empty"] = b""
    assert cli_call("audit", f"{AT}/empty", "--format", "json").rules() == {"not-an-archive"}


def test_a_large_one_is_read_once_by_ranges(there: Objects, cli_call: Call) -> None:
    big = layer({f"f{number}": bytes([number]) * 1_500_000 for number in range(6)})
    there.stored["big.tar"] = tar(layout(Image(layers=[big, layer({"etc/x": b"x"}, "gzip")]).node()))
    told(cli_call("audit", f"{AT}/big.tar", "--jobs", "1"))
    size = len(there.stored["big.tar"])
    assert size > 9_000_000
    assert size <= there.sent < size + 1_500_000  # the windows in which headers were looked for come on top
    assert len(there.gets()) < 20
    before = there.sent
    told(cli_call("inspect", f"{AT}/big.tar"))
    assert there.sent - before < 1_500_000  # no layer is read


def test_pieces_are_few_whatever_is_read(there: Objects) -> None:
    data = bytes(range(256)) * 60_000
    there.stored["some"] = data
    address = parse(f"{AT}/some")
    file = ObjectFile(store_of(BUCKET), address, str(address))
    for position, size in [(0, 10), (5_000_000, 100), (5_000_100, 3_000_000), (len(data) - 5, 50), (len(data), 9)]:
        assert file.read(size, position) == data[position : position + size]
    for position in range(0, len(data), 700_001):
        assert file.read(1000, position) == data[position : position + 1000]
    assert sum(len(piece) for _, piece in file._pieces) <= 16 << 20
    assert len(file._pieces) <= 8


def test_a_folder_is_all_below_it(there: Objects, corpus: Path, cli_call: Call) -> None:
    for number, name in enumerate(NAMES):
        there.stored[f"q/{number}/{name}"] = (corpus / name).read_bytes()
    there.stored |= {
        "q/notes.txt": b"some text",
        "q/.hidden/x": b"\0",
        "q/dir/": b"",
        "q/empty": b"",
        "other.tar": b"\0",
        "qq": b"\0",
    }
    there.stored["q/a b+%41.tar"] = there.stored["q/0/docker20.tar"]
    call = ("audit", "--recursive", "--format", "json", "--no-config")
    result = told(cli_call(*call, f"{AT}/q/"), 1)
    wanted = [f"{AT}/q/{number}/{name}" for number, name in enumerate(NAMES)] + [f"{AT}/q/a b+%41.tar", f"{AT}/q/empty"]
    assert [one["source"] for one in result.json()["archives"]] == wanted
    assert result.stderr.startswith(f"notice: passed over, a text file ({AT}/q/notes.txt)\n")
    assert len(cli_call(*call, f"{AT}/").json()["archives"]) == len(wanted) + 2
    refused(cli_call("audit", f"{AT}/q/"), 2)
    refused(cli_call("audit", "--recursive", f"{AT}/none/"), 2)
    refused(cli_call("inspect", f"{AT}/q/"), 2)
    told(cli_call("audit", "--recursive", f"{AT}/q/0/docker20.tar"))


@pytest.mark.parametrize("folder", [True, False])
def test_a_catalogue_knows_them_by_etag(
    folder: bool, there: Objects, corpus: Path, cli_call: Call, tmp_path: Path
) -> None:
    for name in NAMES:
        there.stored[f"q/{name}"] = (corpus / name).read_bytes()
    sources = [f"{AT}/q/"] if folder else [f"{AT}/q/{name}" for name in sorted(NAMES)]
    options: list[str | Path] = ["--catalogue", tmp_path / "c.db", "--format", "json", "--no-config"]
    call = ["audit", "--recursive", *sources, *options]

    def new() -> list[str]:
        there.asked.clear()
        found = told(cli_call(*call)).json()["archives"]
        return [one["source"].rpartition("/")[2] for one in found if one["recorded"] is None]

    assert new() == sorted(NAMES)
    assert new() == []
    assert there.gets() == []
    assert len(there.asked) == (2 if folder else len(NAMES))  # pages of the listing, or one HEAD for each
    there.stored["q/docker20.tar"] = there.stored["q/crane-tarball.tar"]
    assert new() == ["docker20.tar"]
    assert {key for key, _ in there.gets()} == {"q/docker20.tar"}
    listed = told(cli_call("catalogue", tmp_path / "c.db", "--format", "json")).json()["archives"]
    assert [one["source"] for one in listed] == [f"{AT}/q/{name}" for name in sorted(NAMES)]


@pytest.mark.parametrize(("etags", "weak"), [(False, False), (True, True)])
def test_without_a_strong_etag_it_is_audited_each_time(
    etags: bool, weak: bool, there: Objects, corpus: Path, cli_call: Call, tmp_path: Path
) -> None:
    there.stored["a.tar"] = (corpus / "docker20.tar").read_bytes()
    there.etags, there.weak = etags, weak
    for _ in range(2):
        result = told(cli_call("audit", f"{AT}/a.tar", "--catalogue", tmp_path / "c.db", "--format", "json"))
        assert result.archive()["recorded"] is None


def test_what_goes_wrong_is_said(there: Objects, corpus: Path, cli_call: Call) -> None:
    path = f"{AT}/a.tar"
    assert refused(cli_call("inspect", path), 2) == f"error: no such object ({path})"
    assert refused(cli_call("inspect", "s3://nowhere/a.tar"), 2) == "error: no such bucket (s3://nowhere/a.tar)"
    assert "no such bucket" in refused(cli_call("audit", "--recursive", "s3://nowhere/"), 2)
    for bad in ("s3://", "s3://a/b", f"{AT}//x", f"{AT}/a/../b"):
        refused(cli_call("inspect", bad), 2)
    there.stored["a.tar"] = (corpus / "docker20.tar").read_bytes()
    there.refused = True
    assert "error: access is refused: found 403 Forbidden" in refused(cli_call("inspect", path), 3)
    there.refused = False
    there.broken = 2  # the connection breaks, twice
    told(cli_call("audit", path))
    assert "nothing is written to object storage" in refused(cli_call("convert", path, f"{AT}/b"), 2)


@pytest.mark.parametrize(("fault", "few", "many"), [("cut", 1, 99), ("failing", 2, 99), ("broken", 3, 99)])
def test_answers_that_fail_are_asked_for_again_a_few_times(
    fault: str, few: int, many: int, there: Objects, corpus: Path, cli_call: Call
) -> None:
    there.stored["a.tar"] = (corpus / "docker20.tar").read_bytes()
    setattr(there, fault, few)
    told(cli_call("audit", f"{AT}/a.tar"))
    assert getattr(there, fault) == 0
    setattr(there, fault, many)
    assert refused(cli_call("audit", f"{AT}/a.tar"), 3).startswith("error: object storage cannot be read: found ")
    assert getattr(there, fault) > many - 20


def test_a_storage_that_does_not_heed_ranges_is_refused(there: Objects, corpus: Path, cli_call: Call) -> None:
    there.stored["a.tar"] = (corpus / "docker20.tar").read_bytes()
    there.whole = True
    assert "object storage cannot be read" in refused(cli_call("audit", f"{AT}/a.tar"), 3)


def test_who_is_sent_elsewhere_shows_no_credentials_there(there: Objects, corpus: Path, cli_call: Call) -> None:
    there.stored["a.tar"] = (corpus / "docker20.tar").read_bytes()
    with serving() as other:
        other.stored["a.tar"] = there.stored["a.tar"]
        there.moved = other.url
        assert "access is refused" in refused(cli_call("audit", f"{AT}/a.tar"), 3)
        assert [key for _, key, _ in other.asked] == ["a.tar"]  # the other one asks who that is, for nothing says it


def stored(folder: Path, at: str, there: Objects) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            there.stored[f"{at}{path.relative_to(folder)}"] = path.read_bytes()


def test_what_takes_several_objects_is_refused_once(
    there: Objects, corpus: Path, cli_call: Call, tmp_path: Path
) -> None:
    told(
        cli_call("convert", corpus / "docker20.tar", tmp_path / "big.tar", "--to", "docker-archive", "--split", "20KB")
    )
    for name in ("skopeo-oci", "skopeo-dir"):
        stored(corpus / name, f"q/{name}/", there)
    stored(corpus / "registry-data", "q/registry/", there)
    stored(tmp_path, "q/parts/", there)
    there.stored["q/parts/big.tar.gz"] = gzip.compress((corpus / "docker20.tar").read_bytes())
    there.stored["q/z.20260131"] = (corpus / "docker20.tar").read_bytes()
    assert len([key for key in there.stored if key.startswith("q/parts/")]) > 5
    result = cli_call("audit", "--recursive", f"{AT}/q/", "--format", "json", "--catalogue", tmp_path / "c.db")
    assert result.status == 2
    assert [one["source"] for one in result.json()["archives"]] == [f"{AT}/q/parts/big.tar.gz", f"{AT}/q/z.20260131"]
    assert result.json()["archives"][0]["findings"] == []
    wholes = {
        "an archive in parts": f"{AT}/q/parts/big.tar.parts.json",
        "the storage of a registry": f"{AT}/q/registry/",
        "a folder of the format dir": f"{AT}/q/skopeo-dir/",
        "an OCI layout": f"{AT}/q/skopeo-oci/",
    }
    lines = [line for line in result.stderr.splitlines() if line.startswith("error")]
    assert len(lines) == len(wholes)
    for line, (what, where) in zip(lines, wholes.items(), strict=True):
        assert line.startswith(f"error: {what} cannot be read from object storage: expected one tar; ")
        assert line.endswith(f"({where})")
        assert refused(cli_call("inspect", where), 2) == line
        assert where.endswith(".json") or refused(cli_call("audit", "--recursive", where), 2) == line
    assert "in parts" in refused(cli_call("audit", f"{AT}/q/parts/big.tar.001"), 2)


def test_digests_for_names_make_no_layout(there: Objects, corpus: Path, cli_call: Call) -> None:
    data = (corpus / "docker20.tar").read_bytes()
    there.stored |= {f"q/blobs/sha256/{'ab' * 32}": data, f"q/{'cd' * 32}": data, "q/a.001": data, "q/a.002": data}
    assert len(told(cli_call("audit", "--recursive", f"{AT}/q/", "--format", "json")).json()["archives"]) == 4
    assert "no such object" in refused(cli_call("audit", f"{AT}/q/none.parts.json"), 2)


def test_a_lost_connection_is_status_3(there: Objects, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ociarchive.objects.store._RETRIES", 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    error = refused(cli_call("inspect", f"{AT}/a.tar"), 3)
    assert "error: object storage cannot be read" in error
    assert "secret" not in error
    assert not there.asked


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:9000", "http://", "http://user:hidden@127.0.0.1:99999", "http://127.0.0.1:hidden", "http://a b", "//x"],
)
def test_an_endpoint_that_is_no_address(
    endpoint: str, there: Objects, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    error = refused(cli_call("inspect", f"{AT}/a.tar"), 2)
    assert "error: the endpoint of object storage is no address" in error
    assert "hidden" not in error
    assert not there.asked


@pytest.mark.parametrize(("name", "value"), [("AWS_ENDPOINT_URL", "http://999.1.1.1"), ("AWS_REGION", "a\nb")])
def test_settings_at_which_the_library_gives_up(
    name: str, value: str, there: Objects, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert "the settings of object storage cannot be used" in refused(cli_call("inspect", f"{AT}/a.tar"), 2)
    assert not there.asked


def test_an_object_that_changes_meanwhile(there: Objects, cli_call: Call) -> None:
    big = layer({f"f{number}": bytes([number]) * 1_500_000 for number in range(3)})
    data = tar(layout(Image(layers=[big]).node()))

    def changed(_: str) -> None:
        if len(there.gets()) == 3:
            there.stored["a.tar"] = bytes([data[0]]) + data[1:-1] + b"x"

    there.stored["a.tar"] = data
    there.before = changed
    result = cli_call("audit", f"{AT}/a.tar", "--format", "json")
    assert result.status == 1
    (finding,) = result.archive()["findings"]
    assert finding["message"] == "the object changed while the archive was read"


def test_credentials_are_where_the_aws_tools_have_them(
    there: Objects, corpus: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there.stored["a.tar"] = (corpus / "docker20.tar").read_bytes()
    call = ("audit", f"{AT}/a.tar")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(
        f"[default]\nregion = eu-west-1\n[profile work]\nendpoint_url = {there.url}\nregion=eu-west-2\n"
    )
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = other\naws_secret_access_key = s%\n"
        "[work]\naws_access_key_id = known\naws_secret_access_key = t\n"
    )
    assert settings.settings() == {"region": "eu-west-1", "access_key_id": "other", "secret_access_key": "s%"}
    with (tmp_path / "config").open("a") as config:
        config.write("aws_access_key_id = older\naws_session_token = older\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert settings.settings() == {
        "region": "eu-west-2", "endpoint": there.url, "access_key_id": "known", "secret_access_key": "t",
    }  # fmt: skip
    told(cli_call(*call))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "t")
    refused(cli_call(*call), 3)
    monkeypatch.setenv("AWS_PROFILE", "none")
    assert "AWS_PROFILE names a profile that no file has" in refused(cli_call(*call), 2)
    (tmp_path / "config").write_text("no settings")
    refused(cli_call(*call), 2)


def test_without_the_package_it_says_what_is_missing(cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ociarchive.objects.store.find_spec", lambda _: None)
    assert refused(cli_call("audit", f"{AT}/a.tar"), 2) == (
        "error: s3:// needs the package obstore, which is not installed, `pip install 'ociarchive[s3]'` installs it"
    )
