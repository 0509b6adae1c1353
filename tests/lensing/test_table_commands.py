import json
import subprocess
import sys

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from simlab.core.config import parse_config
from simlab.core.errors import SimlabError
from simlab.lensing.commands import compare, datasetgen
from simlab.lensing.commands.arguments import row_range
from simlab.lensing.config import DatasetConfig
from simlab.lensing.files.pictures import write_png
from simlab.lensing.parameters import draw_rows
from simlab.lensing.rows import read_rows

CONFIG = """
seed: 5
simulator: {size: 30}
lens: {einstein-min: 10, einstein-max: 20}
source: {mode: [Spherical, Image], file: FILE, position: relative}
"""


@pytest.fixture
def call():
    app = typer.Typer(pretty_exceptions_enable=False)
    datasetgen.register(app)
    compare.register(app)

    def run(*arguments, code=0):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if done.exit_code != code:
            raise done.exception or AssertionError(done.output)
        return done.output

    return run


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "galaxy.png", np.full((4, 4), 99))
    (tmp_path / "set.yaml").write_text(CONFIG.replace("FILE", "galaxy.png"))
    return tmp_path / "set.yaml"


@pytest.fixture
def pictures(tmp_path):
    for name, value in (("a", 7), ("b", 7), ("c", 9)):
        (tmp_path / name).mkdir()
        write_png(tmp_path / name / "p_1.png", np.full((30, 30), value))
    return tmp_path


def test_datasetgen_writes_the_drawn_rows(call, config, tmp_path):
    call("datasetgen", config, tmp_path / "tables" / "rows.csv")
    rows = read_rows(tmp_path / "tables" / "rows.csv")
    model = parse_config(
        DatasetConfig,
        {
            "seed": 5,
            "simulator": {"size": 30},
            "lens": {"einstein-min": 10, "einstein-max": 20},
            "source": {"mode": ["Spherical", "Image"], "file": "galaxy.png"}
            | {"position": "relative"},
        },
    )
    drawn = draw_rows(model)
    files = {row.pop("sourcefile") for row in rows if row["source"] == "Image"}
    assert files == {"../galaxy.png"}
    for row, expected in zip(rows, drawn, strict=True):
        expected.pop("sourcefile")
        assert {k: v for k, v in row.items() if k != "sourcefile"} == expected


def test_options_replace_seed_size_and_rows(call, config, tmp_path):
    call("datasetgen", config, tmp_path / "all.csv", "--size", 50, "--seed", 8)
    call("datasetgen", config, tmp_path / "some.csv", "--size=50", "--seed=8", "--rows=40:45")
    assert read_rows(tmp_path / "some.csv") == read_rows(tmp_path / "all.csv")[40:45]
    call("datasetgen", config, tmp_path / "other.csv", "--rows", "0:1")
    assert read_rows(tmp_path / "other.csv")[0]["x"] != read_rows(tmp_path / "all.csv")[0]["x"]


@pytest.mark.parametrize("rows", ["30:40", "5:5", "30"])
def test_no_rows_are_no_table(call, config, tmp_path, rows):
    with pytest.raises(SystemExit) as end:
        call("datasetgen", config, tmp_path / "rows.csv", "--rows", rows, code=0)
    assert end.value.code == 2
    assert not (tmp_path / "rows.csv").exists()


def test_the_rows_of_a_table_are_not_drawn(call, config, tmp_path):
    config.write_text("simulator: {parameters: rows.csv}\n")
    output = call("datasetgen", config, tmp_path / "new.csv", code=2)
    assert "the rows of this configuration are those of a table" in output
    assert not (tmp_path / "new.csv").exists()


def test_a_bad_configuration_writes_nothing(call, tmp_path):
    (tmp_path / "bad.toml").write_text('[lens]\nmode = "SIE"\n')
    with pytest.raises(SimlabError, match="SIE needs ellipseratio"):
        call("datasetgen", tmp_path / "bad.toml", tmp_path / "rows.csv")
    assert not (tmp_path / "rows.csv").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (0, 10)),
        ("2:5", (2, 5)),
        (":4", (0, 4)),
        ("-3:", (7, 10)),
        ("7", (7, 8)),
        ("8:99", (8, 10)),
        ("5:2", (5, 5)),
    ],
)
def test_ranges_of_rows_are_slices(text, expected):
    assert row_range(text, 10) == expected


@pytest.mark.parametrize("text", ["", "a:b", "1:2:3", "-", "1-2", "-:3"])
def test_other_ranges_are_refused(text):
    with pytest.raises(typer.BadParameter, match="expected A:B"):
        row_range(text, 10)


def test_equal_sets_exit_with_0_and_others_with_3(call, pictures):
    assert "1 pairs, 0 differ" in call("compare", pictures / "a", pictures / "b")
    assert "worst p_1.png" in call("compare", pictures / "a", pictures / "c", code=3)
    call("compare", pictures / "a", pictures / "c", "--fail-above", 60)
    call("compare", "-f", pictures / "a" / "p_1.png", pictures / "c" / "p_1.png", code=3)


def test_missing_partners_are_errors(call, pictures):
    write_png(pictures / "a" / "more.png", np.zeros((3, 3)))
    with pytest.raises(SimlabError, match=r"more\.png: only in"):
        call("compare", pictures / "a", pictures / "b", code=1000)


def test_folders_are_no_files(call, pictures):
    output = call("compare", "-f", pictures / "a", pictures / "b", code=2)
    assert "is a folder" in " ".join(output.replace("│", " ").split())


def test_statistics_are_written_as_json_and_csv(call, pictures):
    call("compare", pictures / "a", pictures / "c", "-m", "-o", pictures / "s.json", code=3)
    result = json.loads((pictures / "s.json").read_text())
    assert result["summary"]["max_norm"] == pytest.approx(60)
    assert result["pairs"][0]["masked"][0]["radius"] == 10
    call("compare", pictures / "a", pictures / "b", "-o", pictures / "s.json")
    assert json.loads((pictures / "s.json").read_text())["pairs"][0]["psnr"] is None
    call("compare", pictures / "a", pictures / "c", "-o", pictures / "s.csv", code=3)
    header, line = (pictures / "s.csv").read_text().splitlines()
    assert dict(zip(header.split(","), line.split(","), strict=True))["differing"] == "900"


def test_difference_pictures_are_written(call, pictures):
    call("compare", pictures / "a", pictures / "c", "-d", pictures / "diff", code=3)
    assert (pictures / "diff" / "p_1.png").exists()


@pytest.mark.parametrize(
    ("name", "start", "content"),
    [
        ("r.html", b"<!DOCTYPE html>", b"p_1.png"),
        ("r.tex", b"\\documentclass", rb"p\_1.png"),
        ("r.pdf", b"%PDF", b"%%EOF"),
    ],
)
def test_reports_are_pages(call, pictures, name, start, content):
    arguments = ("compare", pictures / "a", pictures / "c", "-m", "-O", pictures / name)
    call(*arguments, code=3)
    written = (pictures / name).read_bytes()
    assert written.startswith(start)
    assert content in written
    call(*arguments, code=3)
    assert (pictures / name).read_bytes() == written


def test_other_names_of_reports_are_wrong_usage(call, pictures):
    call("compare", pictures / "a", pictures / "b", "-O", pictures / "r.docx", code=2)
    call("compare", pictures / "a", pictures / "b", "-o", pictures / "s.txt", code=2)


def test_the_configuration_loads_nothing_heavy():
    code = "import sys, simlab.lensing.config; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numba", "h5py", "scipy", "cv2", "pyopencl", "matplotlib"} & set(done)
