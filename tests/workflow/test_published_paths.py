"""What is published never tells in which folder a user keeps files."""

import json
import shutil

import cv2
import numpy as np
import pytest
from lensing_finished import CENTERED
from lensing_finished import SmallDataset as SmallLensingDataset
from ptycho_campaign import small_dataset

from simlab.afm import specs as afm
from simlab.afm.config import DatasetConfig as AfmDataset
from simlab.calcium import specs as calcium
from simlab.calcium.config import CalciumDataset
from simlab.core.config import parse_config
from simlab.core.files import read_json, write_csv, write_json
from simlab.halo import specs as halo
from simlab.halo.config import DatasetConfig as HaloDataset
from simlab.lensing import specs as lensing
from simlab.lensing.config import DatasetConfig as LensingDataset
from simlab.packages import KINDS, make_package, write_package_manifest
from simlab.ptycho import specs as ptycho
from simlab.ptycho.config import DatasetConfig as PtychoDataset

STAR = "resources/ptycho/siemens_star_n64.npz"
SPECS = {
    "ptycho files": (
        ptycho.whole_spec,
        PtychoDataset,
        {
            "object": {"kind": "file", "size": None, "file": "{place}object.npz"},
            "probe": {"kind": "file", "N": None, "file": "{place}probe.npz"},
            "scan": {"layout": "file", "n_images": None, "file": "{place}scan.csv"},
            "detector": {"mask_file": "{place}mask.npy"},
            "split": None,
        },
    ),
    "ptycho image": (
        ptycho.whole_spec,
        PtychoDataset,
        {"object": {"kind": "testimg", "params": {"image": "{place}texture.png"}}},
    ),
    "afm": (afm.whole_spec, AfmDataset, {"molecules": ["{place}*.xyz"]}),
    "halo": (
        halo.whole_spec,
        HaloDataset,
        {
            "source": {
                "kind": "camels",
                "nbody_base": "{place}DMO",
                "hydro_base": "{place}Hydro",
                "fof_nbody_base": "{place}FOF",
            },
            "parameters": {"file": "{place}parameters.txt"},
        },
    ),
    "calcium": (calcium.dataset_spec, CalciumDataset, {"spec": "{place}base.json"}),
    "lensing rows": (
        lensing.whole_spec,
        LensingDataset,
        {"simulator": {"parameters": "{place}rows.csv"}},
    ),
    "lensing picture": (
        lensing.whole_spec,
        LensingDataset,
        {"simulator": {"size": 2}, "source": {"mode": "Image", "file": "{place}galaxy.png"}},
    ),
}


def filled(value, place):
    return json.loads(json.dumps(value).replace("{place}", f"{place}/"))


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def telling(folder, secret):
    """Files below `folder` that hold the text `secret`, in archives too."""
    found = []
    for path in files_below(folder):
        texts = [path.read_bytes()]
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                texts += [arrays[name].tobytes() for name in arrays]
        wide = secret.encode("utf-32-le")
        if any(secret.encode() in text or wide in text for text in texts):
            found.append(path.relative_to(folder).as_posix())
    return found


@pytest.mark.parametrize("name", SPECS)
def test_configurations_are_published_without_folders_of_users(name, tmp_path):
    published, model, mapping = SPECS[name]
    write_json(tmp_path / "base.json", {"steps": [{"kind": "place_neurons"}]})
    dataset = parse_config(model, filled(mapping, tmp_path))
    before = dataset.model_dump()
    spec = published(dataset)
    assert str(tmp_path) not in json.dumps(spec)
    assert dataset.model_dump() == before  # what jobs read keeps its paths


def test_relative_paths_are_published_as_they_are():
    mapping = {"object": {"kind": "file", "size": None, "file": STAR}}
    assert ptycho.whole_spec(parse_config(PtychoDataset, mapping))["object"]["file"] == STAR
    mapping = {"simulator": {"parameters": "resources/lensing/sie_rows.csv"}}
    spec = lensing.whole_spec(parse_config(LensingDataset, mapping))
    assert spec["simulator"]["parameters"] == "resources/lensing/sie_rows.csv"


def test_files_of_ptychography_do_not_tell_where_inputs_were(root, tmp_path):
    own = tmp_path / "secret-of-mine"
    own.mkdir()
    shutil.copyfile(root / STAR, own / "object.npz")
    shutil.copyfile(root / STAR, own / "probe.npz")
    x, y = np.random.default_rng(0).uniform(40, 240, (2, 8))
    write_csv(own / "scan.csv", ["xcoords", "ycoords"], zip(x, y, strict=True))
    np.save(own / "mask.npy", np.ones((64, 64), np.uint8))
    changes = filled(SPECS["ptycho files"][2], own)
    data = small_dataset(tmp_path / "data", changes, base={"seed": 1})
    assert data["simulated.h5"].is_file()
    assert telling(tmp_path / "data", own.name) == []


def test_files_and_packages_of_lensing_do_not_tell_where_the_picture_was(tmp_path):
    own = tmp_path / "secret-of-mine"
    own.mkdir()
    y, x = np.mgrid[-8:9, -8:9]
    cv2.imwrite(str(own / "galaxy.png"), (255 * np.exp(-(x**2 + y**2) / 30)).astype(np.uint8))
    simulator = CENTERED["simulator"] | {"size": 2}
    source = {"mode": "Image", "file": str(own / "galaxy.png")}
    folder, output = tmp_path / "out" / "data", tmp_path / "out" / "package"
    data = SmallLensingDataset.of(folder, CENTERED | {"simulator": simulator, "source": source})
    data.make()
    assert all(row["passed"] for row in read_json(folder / "checks.json"))
    for kind in KINDS:
        make_package(folder, kind, output)
    write_package_manifest(folder, output)
    assert "galaxy.png" in (output / "README.md").read_text()
    assert telling(tmp_path / "out", own.name) == []
