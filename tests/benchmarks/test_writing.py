"""The page and the drawings of the benchmarks: from the same figures the same bytes, and nothing else touched."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import compare, comparison, growth, trend
from benchmarks.comparison import BARE, DEFAULT, SKOPEO, Comparison, ImageResult, JobResult
from benchmarks.primitives import STEPS
from benchmarks.trend import Growth, Point, Trend

SVG = "{http://www.w3.org/2000/svg}"


def runs(*walls: float) -> list[dict[str, float]]:
    return [{"wall": wall, "cpu": wall * 1.5, "memory": 40.0} for wall in walls]


def figures(date: str = "2030-01-02") -> Comparison:
    """What compare.py keeps, of one job done by both and one that ociarchive did alone."""
    both: JobResult = {
        "name": "docker & gzip",
        "note": "",
        "floor": 0.5,
        "runs": {BARE: runs(1, 2, 3), SKOPEO: runs(4, 4, 4), DEFAULT: runs(2.5, 2.5, 2.5)},
        "sizes": {BARE: 98, DEFAULT: 99, SKOPEO: 100},
        "ids_kept": {BARE: True, SKOPEO: False},
    }
    alone: JobResult = {
        "name": "audit",
        "note": "it cannot",
        "floor": None,
        "runs": {BARE: runs(0.25)},
        "sizes": {},
        "ids_kept": {},
    }
    image: ImageResult = {
        "size": "tiny",
        "layers": 2,
        "unpacked": 3_000_000,
        "largest": 2_000_000,
        "sources": {"docker.tar": 3_100_000},
        "rates": dict.fromkeys(STEPS, 123.4),
        "jobs": [both, alone],
    }
    many: JobResult = {**alone, "name": "many", "runs": {DEFAULT: runs(3), SKOPEO: runs(6)}}
    machine = {"processor": "a fast one"}
    return {"date": date, "machine": machine, "rounds": 3, "images": [image], "many": [many]}


def growths() -> Growth:
    points: list[Point] = [
        {"count": 1, "wall": 0.2, "cpu": 0.2, "memory": 30.0},
        {"count": 10, "wall": 0.21, "cpu": 0.21, "memory": 30.0},
        {"count": 1000, "wall": 2.0, "cpu": 2.19, "memory": 36.0},
    ]
    one: Trend = {"title": "Layers", "unit": "layers", "job": "All of them", "points": points}
    other: Trend = {**one, "title": "Others"}
    return {"date": "2030-01-02", "machine": {}, "rounds": 3, "trends": [one, other]}


def written(folder: Path, figures: object, main: Callable[[list[str]], int]) -> dict[str, bytes]:
    source, dest = folder / "figures.json", folder / "performance.md"
    source.write_text(json.dumps(figures))
    assert main(["--from", str(source), "--write", str(dest)]) == 0
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".json"}


def test_both_parts_come_onto_one_page_in_any_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    written(first, figures(), compare.main)
    written(second, growths(), growth.main)
    one, other = written(first, growths(), growth.main), written(second, figures(), compare.main)
    assert one == other
    assert one.keys() == {"performance.md", "performance.svg", "growth.svg"}


def test_a_part_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    written(tmp_path, figures(), compare.main)
    dest = tmp_path / "performance.md"
    dest.write_text(dest.read_text().replace("# Performance", "# How fast it is"))
    new = written(tmp_path, figures("2031-05-06"), compare.main)["performance.md"].decode()
    assert new.startswith("# How fast it is")
    assert "2031-05-06" in new
    assert "2030" not in new


def test_a_page_without_the_part_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dest = tmp_path / "performance.md"
    dest.write_text("# Another page\n")
    for program in (compare, growth):
        with pytest.raises(SystemExit) as ended:
            program.main(["--write", str(dest)])
        assert ended.value.code == 2
        assert "has not one part" in capsys.readouterr().err
    assert dest.read_text() == "# Another page\n"


def test_the_table_has_medians_and_what_was_not_measured_stays_open() -> None:
    text = comparison.text(figures(), "performance.svg")
    assert "| docker & gzip | 2.50 | 4.00 | 0.62 | 0.62 | 40 | 40 | 0.990 | 2.00 | 0.50 | 0.50 | 0.50 | 4.00 |" in text
    assert "| audit | 0.25 | - | - | - | 40 | - | - | - | - | - | - | - |" in text
    assert "| many | 3.00 | 6.00 | 0.50 | 0.50 | 40 | 40 |" in text
    assert "- audit, many: it cannot." in text
    assert "- docker & gzip: skopeo writes the config anew" in text


def test_the_cost_of_each_one_more_is_told_where_start_up_is_not_all() -> None:
    text = trend.text(growths(), "growth.svg")
    assert "| 10 | 0.21 | 0.21 | - | 30 |" in text
    assert "| 1,000 | 2.00 | 2.19 | 2.000 | 36 |" in text


def drawings() -> list[str]:
    (image,) = figures()["images"]
    return [comparison.drawing(image), trend.drawing(growths()["trends"])]


@pytest.mark.parametrize("drawing", drawings(), ids=["bars", "plots"])
def test_a_drawing_is_whole_and_says_in_words_what_it_shows(drawing: str) -> None:
    root = ET.fromstring(drawing)  # noqa: S314  our own
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert root.get("viewBox") == f"0 0 {width:g} {height:g}"
    names = (root.get("aria-labelledby") or "").split()
    for name, tag in zip(names, ("title", "desc"), strict=True):
        (found,) = (one for one in root.iter(f"{SVG}{tag}") if one.get("id") == name)
        assert found.text
    assert any(words in (root.findtext(f"{SVG}desc") or "") for words in ("2.50 s", "2.00 s"))
    assert "prefers-color-scheme:dark" in (root.findtext(f"{SVG}style") or "")
    for one in root.iter():
        for key, most in (("x", width), ("x1", width), ("x2", width), ("cx", width), ("y", height), ("cy", height)):
            assert 0 <= float(one.get(key, "0")) <= most, (one.tag, one.attrib)
        assert float(one.get("width", "0")) >= 0


def test_the_longer_bar_is_the_slower_one() -> None:
    root = ET.fromstring(drawings()[0])  # noqa: S314  our own
    widths = {
        style: [float(one.get("width", "")) for one in root.iter(f"{SVG}rect") if one.get("class") == style][1:]
        for style in "ab"
    }
    assert widths["b"][0] == pytest.approx(1.6 * widths["a"][0], abs=0.2)
    assert widths["a"][0] == pytest.approx(10 * widths["a"][1], abs=0.5)


@pytest.mark.parametrize(
    ("least", "factor", "most", "counts"),
    [(1, 10, 2000, [1, 10, 100, 1000, 2000]), (1, 8, 64, [1, 8, 64]), (1000, 10, 5, [5]), (1, 10, 1, [1])],
)
def test_steps_end_with_the_most(least: int, factor: int, most: int, counts: list[int]) -> None:
    assert trend.steps(least, factor, most) == counts


@pytest.mark.slow
def test_both_programs_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the smallest images there are: a job that writes another image gives status 1."""
    tree, work = tmp_path / "tree", tmp_path / "work"
    tree.mkdir()
    work.mkdir()
    for number in range(600):
        (tree / f"{number}.txt").write_text(f"line {number}\n" * 400)
    common = ["--rounds", "1", "--work", str(work), "--json", str(tmp_path / "json"), "--write"]
    pages = [str(tmp_path / "performance.md")]
    few = ["--converted", "2", "--audited", "3"]
    assert compare.main([*common, *pages, *few, "--size", "tiny", "--tree", str(tree), "--skopeo", ""]) == 0
    found = json.loads((tmp_path / "json").read_text())
    assert all(job["runs"][DEFAULT] for job in [*found["images"][0]["jobs"], *found["many"]])
    assert sum(BARE in job["runs"] for job in found["images"][0]["jobs"]) == 6
    assert [job["name"].partition(" small")[0] for job in found["many"]] == ["2", "audit of 3"]
    few = ["--largest", "1MiB", "--most-layers", "2", "--most-archives", "2", "--most-members", "10"]
    assert growth.main([*common, *pages, *few]) == 0
    assert [len(one["points"]) for one in json.loads((tmp_path / "json").read_text())["trends"]] == [2, 1, 2, 1]
    assert "docker-archive to OCI gzip" in capsys.readouterr().out
    assert sorted(path.name for path in work.iterdir()) == ["image-tiny"]
