"""What stands on stderr: folded on a terminal, one line for programs, of many alike the first few, no password ever."""

import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

import ociarchive
from ociarchive.errors import without_credentials
from tests.support import build
from tests.support.build import Image, layer, packed
from tests.support.call import Call, refused, told
from tests.support.signing import SIGNER
from tests.support.tar import write_folder, write_tar
from tests.support.terminal import on_a_terminal

DIGEST = f"sha256:{'ab' * 32}"
NODE = Image(layers=[layer({"a": b"a"}, "gzip")]).node().named("docker.io/corpus/app:1.0", "1.0")
STALE = Path(__file__).parents[1] / "corpus" / "docker26-containerd-multi.tar"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "app.tar", build.layout(NODE))


# Credentials

SECRET = "p4ss/w@rd"  # noqa: S105  what must not be printed
ADDRESSES = (
    f"s3://user:{SECRET}@bucket/app.tar",
    f"docker://user:{SECRET}@registry.example/app:1.0",
    f"docker://user:{SECRET}@registry.example",
    f"https://user:{SECRET}@registry.example/app",
    f"ftp://user:{SECRET}@host.example/app.tar",
    f"oci:user://user:{SECRET}@host",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_error_repeats_a_password(address: str, source: Path, tmp_path: Path, cli_call: Call) -> None:
    calls = [
        ("audit", address),
        ("audit", "-vv", address),
        ("inspect", address),
        ("diff", source, address),
        ("inventory", address),
        ("convert", address, tmp_path / "dest", "--to", "oci-layout"),
        ("audit", source, "--receipt", address),
        ("audit", source, "--config", address),
        ("catalogue", address),
        ("rules", address),
        ("completion", address),
        ("audit", source, address, "--format", address),
        ("audit", source, "--limit", address),
    ]
    for call in calls:
        result = cli_call(*call)
        assert result.status
        for secret in (SECRET, "w@rd", "rd@", "p4ss"):
            assert secret not in result.stderr + result.stdout, call
    for form in ("json", "sarif", "junit", "html", "codequality", "table"):
        result = cli_call("audit", source, address, "--format", form)
        assert "p4ss" not in result.stderr + result.stdout, form


@pytest.mark.parametrize("engine", ["threads", "dask"])
def test_a_schedulers_password_is_not_repeated(engine: str, source: Path, cli_call: Call) -> None:
    line = refused(cli_call("audit", source, "--engine", engine, "--scheduler", f"tcp://user:{SECRET}@host:8786"), 2)
    assert "an address has no user and no password" in line
    assert line.endswith("(tcp://host:8786)")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://user:pw@bucket/key", "s3://***@bucket/key"),
        ("(s3://AKIA:se/cr+et@bucket/key)", "(s3://***@bucket/key)"),
        ("no answer (https://token@host/v2/)", "no answer (https://***@host/v2/)"),
        ("redis://:pw@host/0 and tcp://a:b@c", "redis://***@host/0 and tcp://***@c"),
        (f"docker://u:p/q@host/app:1@{DIGEST}", f"docker://***@host/app:1@{DIGEST}"),
        *(
            (text, text)
            for text in (
                f"docker://localhost:5000/app@{DIGEST}",
                f"docker://app:1.0@{DIGEST}",
                "docker://host:5000/app@sha256:cut-short",
                "docker://HOST[:PORT]/NAME[:TAG|@DIGEST]",
                "s3://bucket/a@b.tar",
                "s3://bucket/a:b@c.tar",
                "user:pw@host",
            )
        ),
    ],
)
def test_what_is_taken_for_credentials(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


#: The same in one pattern, which looks at a text as often as there are beginnings of URLs in it.
PATTERN = re.compile(r"(?<=://)(?:[^\s/:@\[]+:\S*|[^\s/\[]*)@(?!sha[0-9]+:|[a-z0-9+._-]+:[0-9a-f]{32})", re.IGNORECASE)


@given(st.lists(st.sampled_from([*"://@[ \nabA", "://", "@sha256:", f"@{DIGEST}", "a:b@"]), max_size=40).map("".join))
def test_what_is_taken_for_credentials_is_what_the_pattern_says(text: str) -> None:
    assert without_credentials(text, instead="<>") == PATTERN.sub("<>", text)


# The width of a terminal


@pytest.mark.parametrize("width", [60, 80, 120])
def test_messages_are_folded_on_a_terminal(width: int, tmp_path: Path) -> None:
    call = (
        "convert",
        STALE,
        "small",
        "--to",
        "docker-archive",
        "--compression",
        "zstd",
        "--split",
        "20KiB",
        "--no-progress",
    )
    status, shown = on_a_terminal(*call[:2], tmp_path / "small", *call[3:], COLUMNS=str(width), NO_COLOR="1")
    lines = shown.replace("\r\n", "\n").splitlines()
    assert status == 0
    assert sum(line.startswith(("notice: ", "warning: ")) for line in lines) == 4
    assert [line for line in lines if len(line) > width and " " in line.strip()] == []
    assert "DEST is in parts: small.001" in " ".join(line.strip() for line in lines)


def test_off_a_terminal_a_message_is_one_line(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    call = ("convert", STALE, tmp_path / "small", "--to", "oci-layout", "--compression", "zstd")
    lines = told(cli_call(*call)).stderr.splitlines()
    warned = [line for line in lines if line.startswith("warning: ")]
    assert [line.endswith(")") for line in warned] == [True, True]


def test_a_digest_is_never_broken(tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told(cli_call("audit", STALE, "--catalogue", tmp_path / "c.db"))
    shown = cli_call("catalogue", tmp_path / "c.db", "--holds", DIGEST)
    assert (shown.status, DIGEST in shown.stdout.split()) == (1, True)


# Calls at fault


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (("index", "make"), "index has no command 'make', did you mean `ociarchive index create`?"),
        (("rules", "--format", "json"), "rules has no option --format, see `ociarchive rules --help`"),
        (
            ("audit", "a", "--format", "json", "--format", "html"),
            "--format is given twice: json and html, --report FORMAT=FILE writes one report more",
        ),
        (
            ("audit", "a", "--output", "x.csv"),
            "audit writes no csv, choose another suffix, or say --format table (x.csv)",
        ),
        (("limits",), "no command 'limits', did you mean `ociarchive rules limits`?"),
        (("rules", "limit"), "no rule 'limit', nearest: limits, limit-name, limit-ratio"),
        (
            ("audit", "app:1.0"),
            (
                "no such file or folder, an engine makes an archive of its image: `docker save -o app.tar app:1.0`"
                " (app:1.0)"
            ),
        ),
        (("audit", "no:SUCH file"), "no such file or folder (no:SUCH file)"),
        (("convert", "--add", "a", "b"), "convert has no option --add, did you mean --merge?"),
        (
            ("convert", "--annotation", "a=b"),
            "convert has no option --annotation, but `ociarchive index create` has it",
        ),
        (
            ("--annotation", "a=b", "convert"),
            (
                "option --annotation stands in front of the command, options follow it:"
                " `ociarchive index create --annotation`"
            ),
        ),
        (
            ("audit", "a", "--format", "jsn"),
            (
                "--format does not take 'jsn': expected one of table, json, sarif, junit, codequality, html;"
                " did you mean json?"
            ),
        ),
        (("audit", "a", "--color", "red"), "--color does not take 'red': expected one of auto, always, never"),
        (
            ("diff", "a", "b", "--ignore", "name"),
            "--ignore does not take 'name': expected one of names, annotations, attestations; did you mean names?",
        ),
        (("inspect", "--strict", "a"), "inspect has no option --strict, but `ociarchive audit` has it"),
        *(
            ((command, "a", "b", "--jobs", jobs), f"--jobs takes a number of threads, not {shown}: expected 1 to 256")
            for command in ("audit", "diff", "inventory", "convert")
            for jobs, shown in (("0", "0"), ("a", "'a'"), ("257", "257"), ("-1", "-1"))
        ),
        (("audit", "a", "--max-ratio", "x"), "--max-ratio takes a whole number, not 'x': expected 1 at least"),
    ],
)
def test_a_faulty_call_is_answered_alike_by_every_command(call: tuple[str, ...], line: str, cli_call: Call) -> None:
    assert refused(cli_call(*call), 2) == f"error: {line}"


@pytest.mark.parametrize("command", ["convert", "audit", "inspect", "diff", "index create", "inventory"])
def test_help_says_what_may_be_repeated_and_leaves_limits_to_their_page(command: str, cli_call: Call) -> None:
    shown = " ".join(told(cli_call(*command.split(), "--help")).stdout.split())
    assert "`ociarchive rules limits` lists and explains them" in shown
    assert "manifest- size" not in shown
    for name in ("--image REF", "--platform OS/ARCH[/VARIANT]", "--base SOURCE", "--have FILE", "--ignore RULE"):
        _, found, text = shown.partition(f" {name} ")
        assert not found or "repeatable)." in text.partition(" --")[0], name


def test_help_begins_with_what_to_try(cli_call: Call) -> None:
    examples = told(cli_call("--help")).stdout.partition("\n  Examples:\n")[2].splitlines()
    assert examples
    assert all(line.startswith("    ociarchive ") for line in examples)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["skopeo-dir-schema1", "registry-data", "oras-artifact", "buildx-oci-zstd.tar"])
def test_the_summary_of_every_kind_of_source_fits(
    name: str, width: int, corpus: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.chdir(tmp_path)
    call = ("convert", corpus / name, "dest", "--to", "oci-layout", "--no-sync", "--no-progress")
    lines = told(cli_call(*call)).stderr.splitlines()
    summary = [line for line in lines if not line.startswith(("notice: ", "warning: "))]
    assert summary[0].startswith("converted")
    assert [line for line in summary if len(line) > width] == []


LONG = "registry.example.org/platform/backend:1.2.3"
#: The rows of a conversion at 60 columns, and of one more into zstd.
NARROW = """\
                               before       after  change
  stored, manifests apart   130.6 KiB    41.0 KiB  -68.6 %
  docker.io/corpus/app:1.0           8d31f80dbb26  new
    linux/amd64 image id             0b0c57a83d23  same
  layers by diff_id
  f75d2b43ccf9 none->gzip    97.5 KiB    33.4 KiB  -65.8 %
  d1ef2b7b105d none->gzip    28.0 KiB     4.8 KiB  -82.7 %
  9284f5feb5d0 none->gzip     2.5 KiB       179 B  -93.0 %
  diff_ids proved: 3 of 3 layers, all as before
"""
AGAIN = """\
                               before       after  change
  stored, manifests apart    41.0 KiB    40.2 KiB  -1.9 %
  docker.io/corpus/app:1.0      8d31f80dbb26 -> 888521b0c6b4
    linux/amd64 image id             0b0c57a83d23  same
"""


def summary_of(width: int, *call: str | Path) -> str:
    call = ("convert", *call, "--to", "oci-layout", "--no-sync", "--no-progress")
    status, shown = on_a_terminal(*call, COLUMNS=str(width), NO_COLOR="1")
    text = shown.replace("\r\n", "\n")
    assert status == 0
    assert [line for line in text.splitlines() if len(line) > width] == []
    return text


def test_at_60_columns_each_row_of_a_summary_is_one_line(tmp_path: Path, corpus: Path) -> None:
    assert NARROW in summary_of(60, corpus / "docker20.tar", tmp_path / "a")
    assert AGAIN in summary_of(60, tmp_path / "a", tmp_path / "b", "--compression", "zstd")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_long_name_stands_beside_its_digest_where_there_is_room(width: int, tmp_path: Path, corpus: Path) -> None:
    lines = summary_of(width, corpus / "docker20.tar", tmp_path / "a", "--tag", LONG).splitlines()
    (row,) = (line for line in lines if LONG in line)
    assert row.endswith("  new") is (width > 60)


# What is passed over


@pytest.mark.parametrize(("texts", "said", "more"), [(3, 3, 0), (4, 4, 0), (21, 3, 18)])
def test_of_many_that_are_passed_over_the_first_are_said(
    texts: int, said: int, more: int, source: Path, cli_call: Call
) -> None:
    for number in range(texts):
        (source.parent / f"note-{number:02}.txt").write_text("to do\n")
    lines = told(cli_call("audit", "--recursive", source.parent)).stderr.splitlines()
    one = "notice: passed over, a text file"
    assert lines[:said] == [f"{one} ({source.parent}/note-{number:02}.txt)" for number in range(said)]
    assert lines[said:] == ([f"{one}, and {more} more: -v shows all"] if more else [])
    shown = told(cli_call("audit", "--recursive", source.parent, "-v")).stderr
    assert shown.count(one) == texts
    value = told(cli_call("audit", "--recursive", source.parent, "-q", "--format", "json")).json()
    assert [one["source"] for one in value["passed_over"]] == [
        f"{source.parent}/note-{number:02}.txt" for number in range(texts)
    ]
    assert {one["what"] for one in value["passed_over"]} == {"a text file"}


# What a conversion wrote


def test_a_conversion_names_all_that_it_wrote(
    source: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(SIGNER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files = {"receipt": tmp_path / "r.json", "attested": tmp_path / "a.att"}
    call = ("convert", source, tmp_path / "dest", "--to", "oci-layout")
    asked = ("--receipt", files["receipt"], "--attestation", files["attested"], "--sign", key)
    monkeypatch.setenv("COLUMNS", "200")
    lines = told(cli_call(*call, *asked)).stderr.splitlines()
    for what, path in files.items():
        assert f"{what:<9}  {path}" in lines
        assert path.stat().st_size
    lines = told(cli_call(*call, "--force", "--receipt", "-")).stderr.splitlines()
    assert "receipt    standard output" in lines
    assert not [line for line in told(cli_call(*call, "--force")).stderr.splitlines() if line.startswith("receipt")]


def test_a_layer_that_is_left_out_has_no_size_in_dest(source: Path, tmp_path: Path, cli_call: Call) -> None:
    two = Image(layers=[layer({"a": b"a"}, "gzip"), layer({"b": b"b"}, "gzip")]).node().named("docker.io/corpus/b:1")
    both = write_tar(tmp_path / "both.tar", build.layout(NODE, two))
    call = ("convert", both, tmp_path / "delta", "--to", "oci-layout", "--have", source)
    rows = [line for line in told(cli_call(*call)).stderr.splitlines() if line.startswith("  diff_id ")]
    assert sum(row.endswith(" -  left out") for row in rows) == 1
    shown = told(cli_call("inspect", tmp_path / "delta")).stdout
    assert "= also in another image above: 1 layer\n" in shown  # nothing of it is stored, so nothing is saved
    line = refused(cli_call("convert", tmp_path / "delta", tmp_path / "whole", "--to", "oci-layout"), 1)
    assert "name an archive that has this blob with --base" in line


def test_a_layer_of_two_sources_counts_once_in_dest(source: Path, tmp_path: Path, cli_call: Call) -> None:
    other = Image(layers=[layer({"a": b"a"}, "gzip"), layer({"b": b"bb"}, "gzip")]).node().named("docker.io/corpus/b:1")
    both = write_tar(tmp_path / "both.tar", build.layout(other))
    lines = told(cli_call("convert", source, both, tmp_path / "dest", "--to", "oci-layout")).stderr.splitlines()
    rows = [line for line in lines if line.startswith("  diff_id ")]
    assert [row.endswith(" -  as above") for row in rows].count(True) == 1
    assert len(rows) == 3
    assert "  diff_ids proved: 2 of 2 layers, all as before" in lines
    call = ("convert", source, both, tmp_path / "delta", "--to", "oci-layout", "--have", source)
    lines = told(cli_call(*call)).stderr.splitlines()
    rows = [line for line in lines if line.startswith("  diff_id ")]
    assert [row.rpartition("  ")[2] for row in rows if "B  " in row and not row.endswith("%")].count("left out") == 1
    assert [row.endswith(" -  as above") for row in rows].count(True) == 1


@pytest.mark.parametrize(("count", "rest"), [(8, None), (9, None), (10, "  2 smaller layers: -v lists them")])
def test_one_row_is_not_left_out_for_a_row_that_says_so(
    count: int, rest: str | None, tmp_path: Path, cli_call: Call
) -> None:
    image = Image(layers=[layer({f"{number}": b"x"}, "gzip") for number in range(count)]).node()
    path = write_tar(tmp_path / "many.tar", build.layout(image.named("docker.io/corpus/b:1")))
    lines = told(cli_call("convert", path, tmp_path / "dest", "--to", "oci-layout")).stderr.splitlines()
    assert sum(line.startswith("  diff_id ") for line in lines) == (count if rest is None else 8)
    assert [line for line in lines if "smaller layer" in line] == ([rest] if rest else [])


# Tables


def test_an_image_in_several_manifests_is_one_image_in_every_summary(tmp_path: Path, cli_call: Call) -> None:
    image = Image(layers=[layer({"a": b"a"}), layer({"b": b"b"})])
    anew = Image(layers=[packed(one.stored, "zstd") for one in image.layers])
    both = [image.node().named("docker.io/corpus/app:gzip"), anew.node().named("docker.io/corpus/app:zstd")]
    other = Image(layers=[layer({"c": b"c"})]).node().named("docker.io/corpus/other:1")
    two, one = (write_tar(tmp_path / f"{len(nodes)}.tar", build.layout(*nodes)) for nodes in ([*both, other], both[:1]))
    said = "2 images in 3 manifests"
    assert f"  oci-archive, {said}, 5 layers of " in told(cli_call("inspect", two)).stdout
    shown = told(cli_call("audit", two)).stdout
    assert f"      {said}, 5 of 5 layers proved: every claim holds\n" in shown
    assert shown.splitlines()[1].split()[1:3] == ["oci-archive", "2"]
    db = ("--catalogue", tmp_path / "c.db")
    told(cli_call("audit", two, *db))
    assert f"      {said}, 5 of 5 layers proved" in told(cli_call("audit", two, *db)).stdout  # as it was recorded
    assert len(told(cli_call("audit", two, "--format", "json")).archive()["images"]) == 3
    lines = told(cli_call("diff", two, one), 1).stdout.splitlines()
    row, other_row = lines[2:4]
    assert row.startswith("- ")
    assert f"  oci-archive  {said}  plain 3  " in row
    assert "  oci-archive  1 image " in other_row
    assert "note: an image is one image ID for one platform: in several manifests" in " ".join(" ".join(lines).split())
    for form, name in (("json", '"images": 2'), ("html", f"<dd>{said}</dd>")):
        assert name in told(cli_call("diff", two, one, "--format", form), 1).stdout
    assert "in several manifests" not in told(cli_call("diff", one, one)).stdout
    listed = told(cli_call("inventory", two, "--output", tmp_path / "have.json")).stderr
    assert listed.startswith(f"{said}, 10 blobs, as claimed, not verified: ")


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_count_stays_with_what_it_counts(width: int, cli_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    head = told(cli_call("inspect", STALE)).stdout.partition("\n\u2514")[0].splitlines()
    assert all(len(line) <= width for line in head)
    assert [line for line in head if line.rstrip(",")[-1:].isdigit() or line.endswith(" of")] == []
    assert all(line.startswith("  ") for line in head[1:])


def test_a_narrow_audit_counts_in_words(
    source: Path, tmp_path: Path, cli_call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    (tmp_path / "bad").write_bytes(b"x" * 2000)
    shown = told(cli_call("audit", source, tmp_path / "bad"), 1).stdout
    assert "  PASS; oci-archive, 1 image, 3 blobs" in shown
    assert "  FAIL  1 error; 0 blobs, 0 B read" in shown


# A catalogue's totals


def test_the_totals_of_a_catalogue_are_no_verdict(source: Path, tmp_path: Path, cli_call: Call) -> None:
    (tmp_path / "bad.tar").write_bytes(b"x" * 2000)
    db = tmp_path / "c.db"
    told(cli_call("audit", source, tmp_path / "bad.tar", "--catalogue", db), 1)
    assert told(cli_call("catalogue", db)).stdout.startswith("2 archives in the catalogue: 1 passed, 1 failed\n")
    listed = told(cli_call("catalogue", db, "--failed")).stdout
    assert listed.startswith(f"FAIL  {tmp_path / 'bad.tar'}\n")
    assert "\nPASS" not in listed
    assert "\nFAIL" not in listed


# Files inside of archives that no call names


def test_no_file_goes_into_an_archive_that_the_call_does_not_name(source: Path, tmp_path: Path, cli_call: Call) -> None:
    layout = write_folder(tmp_path / "layout", build.layout(NODE))
    told(cli_call("convert", source, tmp_path / "store", "--to", "registry-storage", "--no-sync"))
    registry = tmp_path / "store" / "docker" / "registry" / "v2"
    before = sorted(tmp_path.rglob("*"))
    for folder in (layout, layout / "blobs", layout / "blobs" / "sha256", registry, registry / "repositories"):
        path = folder / "r.json"
        for call in (
            ("audit", source, "--report", f"json={path}"),
            ("audit", source, "--output", path, "--force"),
            ("audit", source, "--catalogue", path),
            ("inspect", source, "--output", path),
            ("inventory", source, "--output", path),
            ("doctor", "--output", path),
            ("convert", source, tmp_path / "dest", "--to", "oci-layout", "--receipt", path),
        ):
            line = refused(cli_call(*call), 2)
            assert "or stand inside of one: found " in line
            assert str(layout if layout in path.parents else tmp_path / "store") in line
        for api in (
            lambda path=path: ociarchive.write_audit([], {"json": path}),
            lambda path=path: ociarchive.convert(source, tmp_path / "dest", to="oci-layout", receipt=path),
        ):
            with pytest.raises(ociarchive.UsageError, match="stand inside of one"):
                api()
    assert sorted(tmp_path.rglob("*")) == before
    told(cli_call("audit", source, "--report", f"json={tmp_path / 'r.json'}"))  # beside them it may lie
    assert json.loads((tmp_path / "r.json").read_text())["verdict"] == "pass"


# Options that have one value


@pytest.mark.parametrize(
    "call",
    [
        ("convert", "a", "b", "--to", "dir", "--receipt", "X", "--receipt", "Y"),
        ("convert", "a", "b", "--to", "dir", "--tag", "X", "--tag", "Y"),
        ("convert", "a", "b", "--to", "dir", "--split", "X", "--split", "Y"),
        ("index", "create", "a", "b", "--to", "dir", "--tag", "X", "--tag", "Y"),
        ("index", "create", "a", "b", "--to", "dir", "--receipt", "X", "--receipt", "Y"),
        ("audit", "a", "--receipt", "X", "--receipt", "Y"),
        ("audit", "a", "--config", "X", "--config", "Y"),
        ("audit", "a", "--catalogue", "X", "--catalogue", "Y"),
        ("audit", "a", "--from", "X", "--from", "Y"),
        ("audit", "a", "--scheduler", "X", "--scheduler", "Y"),
        ("audit", "a", "--host", "X", "--host", "Y"),
        ("audit", "a", "--certificate-identity", "X", "--certificate-identity", "Y"),
        ("audit", "a", "--certificate-oidc-issuer", "X", "--certificate-oidc-issuer", "Y"),
        ("inspect", "a", "--files", "--layer", "X", "--layer", "Y"),
        ("catalogue", "a", "--holds", "X", "--holds", "Y"),
    ],
    ids=lambda call: f"{call[0]}{call[-2]}",
)
def test_of_two_names_neither_is_dropped_in_silence(call: tuple[str, ...], cli_call: Call) -> None:
    assert f"{call[-2]} is given twice: X and Y" in refused(cli_call(*call), 2)


@pytest.mark.parametrize(
    ("shell", "hint"), [("powershell", ""), ("Bash", "; did you mean bash?"), ("fishy", "; did you mean fish?")]
)
def test_a_shell_that_is_none_is_refused_like_any_other_value(shell: str, hint: str, cli_call: Call) -> None:
    line = refused(cli_call("completion", shell), 2)
    assert line == f"error: SHELL does not take '{shell}': expected one of bash, zsh, fish{hint}"


def test_a_layer_that_will_be_new_is_named_by_its_diff_id(tmp_path: Path, cli_call: Call) -> None:
    image = Image(layers=[layer({"a": b"a"}), layer({"b": b"b"})])
    source = write_tar(tmp_path / "saved.tar", build.docker_archive(build.Saved(image=image)))
    shown = told(cli_call("convert", source, tmp_path / "d", "--to", "oci-layout", "--dry-run")).stdout
    shown = " ".join(shown.split())
    for one in image.layers:
        assert f"layer of diff_id {one.diff_id[7:19]} is new: a digest that shows once layers are read" in shown


def test_a_layer_that_is_not_there_is_told_what_is(source: Path, cli_call: Call) -> None:
    line = refused(cli_call("inspect", source, "--files", "--layer", "9"), 2)
    assert (
        "no layer 9 in the image, there is 1 layer, numbered from 1; `ociarchive inspect -v` shows the digests" in line
    )


# Findings on stderr


@pytest.mark.parametrize("call", [("inspect", "--verify"), ("inventory", "--verify")], ids=lambda call: call[0])
def test_a_finding_on_stderr_names_its_rule_and_what_was_found(
    call: tuple[str, ...], tmp_path: Path, cli_call: Call
) -> None:
    folder = write_folder(tmp_path / "wrong", build.layout(NODE))
    config = Image(layers=[layer({"a": b"a"}, "gzip")]).image_id[7:]
    blob = folder / "blobs" / "sha256" / config
    blob.write_bytes(blob.read_bytes().replace(b"linux", b"xunil"))
    for options, digest in (((), config[:12]), (("-v",), config)):
        lines = told(cli_call(*call, folder, *options), 1).stderr.splitlines()
        (line,) = (line for line in lines if "digest-mismatch" in line)
        assert line.startswith("finding: error: digest-mismatch: content does not match its digest: expected sha256:")
        assert f": expected sha256:{digest}, found sha256:" in line
        assert line.endswith(f" ({folder}: blobs/sha256/{digest})")
