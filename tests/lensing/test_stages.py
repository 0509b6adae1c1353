"""The first rules of a data set: a table of the user, and pictures wherever they lie."""

import numpy as np
import pytest
from lensing_commands import arrays_in, read_csv
from lensing_finished import LENS

from simlab.core.config import parse_config
from simlab.lensing import plan, specs
from simlab.lensing.config import DatasetConfig
from simlab.lensing.errors import RowsError
from simlab.lensing.files.pictures import write_png
from simlab.lensing.stages.images import write_shard
from simlab.lensing.stages.parameters import write_parameters

SIMULATOR = {"imagesize": 64, "nterms": 3}
HEADER = "lens,source,einsteinradius,ellipseratio,orientation,sigma,x,y,note"


@pytest.fixture
def made(tmp_path):
    """Write parameters.csv and the only shard of a data set; its rows and pictures."""

    def make(mapping):
        dataset = parse_config(DatasetConfig, mapping)
        table, folder = dataset.simulator.parameters, plan.picture_folder(dataset)
        csv = tmp_path / "parameters.csv"
        write_parameters(specs.parameters_spec(dataset), csv, table=table, folder=folder)
        spec = specs.images_spec(dataset)
        files = [tmp_path / f"0.{suffix}" for suffix in ("h5", "csv", "npz")]
        rows = (0, plan.size_of(dataset))
        write_shard(spec, rows, csv, *files, folder=folder, code="code")
        return read_csv(csv), arrays_in(files[0], "images")["images"]

    return make


def test_cells_that_do_not_apply_are_empty_in_the_table_of_the_data_set(made, tmp_path):
    (tmp_path / "rows.csv").write_text(
        f"{HEADER}\nSIS,Spherical,9,nan,inf,3,6,3,nan\nSIE,Spherical,9,0.6,20,3,6,3,kept\n"
    )
    rows, images = made({"simulator": {**SIMULATOR, "parameters": str(tmp_path / "rows.csv")}})
    assert [row["filename"] for row in rows] == ["image-000001.png", "image-000002.png"]
    assert [row["orientation"] for row in rows] == ["", "20.0"]
    assert [row["ellipseratio"] for row in rows] == ["", "0.6"]
    assert [row["note"] for row in rows] == ["nan", "kept"]
    assert images.any(axis=(1, 2)).all()


def test_a_number_that_is_needed_must_be_finite(made, tmp_path):
    (tmp_path / "rows.csv").write_text(f"{HEADER}\nSIE,Spherical,9,0.6,nan,3,6,3,\n")
    with pytest.raises(RowsError, match="row 1: orientation is nan, expected a finite number"):
        made({"simulator": {**SIMULATOR, "parameters": str(tmp_path / "rows.csv")}})
    assert not (tmp_path / "parameters.csv").exists()


def test_sources_are_pictures_with_absolute_paths(made, tmp_path):
    (tmp_path / "pictures").mkdir()
    picture = tmp_path / "pictures" / "galaxy.png"
    write_png(picture, np.full((9, 9), 200))
    source = {"mode": "Image", "file": str(picture), "position": "polar"}
    _, images = made({"simulator": {**SIMULATOR, "size": 2}, "lens": LENS, "source": source})
    assert (images.max(axis=(1, 2)) > 100).all()
