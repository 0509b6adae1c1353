"""Correct data sets pass every check, however unusual they are."""

import cv2
import numpy as np
import pytest
from lensing_finished import SmallDataset

from simlab.core.files import write_csv

SIMULATOR = {"size": 8, "imagesize": 96, "seed": 5}
LENS = {
    "mode": ["SIS", "SIE", "PM"],
    "einstein-min": 6, "einstein-max": 12,
    "ellipseratio-min": 0.4, "ellipseratio-max": 0.9,
    "orientation-min": 0, "orientation-max": 180,
}  # fmt: skip
SOURCE = {"mode": "Spherical", "sigma-min": 1.5, "sigma-max": 4, "position": "polar"}
POSITION = {"r-min": 5, "r-max": 20}
BOTH = ["Raytrace", "Roulette"]
SERSIC = {"mode": ["SersicSphere", "SersicEllipsoid"], "sigma-max": 6}
NFW = {
    "mode": "NFW", "kappa_s-min": 0.3, "kappa_s-max": 0.8, "r_s-min": 10, "r_s-max": 30,
}  # fmt: skip
TWO = "Spherical/10/0/3;Spherical/-10/0/3"


def mapping(simulator=(), lens=(), source=(), position=(), **parts):
    """The configuration of a set that differs from the plain one in these keys."""
    return {
        "simulator": SIMULATOR | dict(simulator),
        "lens": LENS | dict(lens),
        "source": SOURCE | dict(source),
        "position": POSITION | dict(position),
        **parts,
    }


SETS = {
    "plain": mapping(),
    "light at the edge of the mask": mapping(
        {"size": 16, "imagesize": 192, "model": BOTH, "seed": 1},
        {"einstein-min": 10, "einstein-max": 24},
        {"mode": ["Spherical", "SersicEllipsoid"], "sigma-min": 2, "sigma-max": 12},
        {"r-min": 10, "r-max": 40},
    ),
    "constellations": mapping({"model": BOTH}, source={"mode": TWO}),
    "overlapping members": mapping(
        {"clip": False}, source={"mode": "Spherical/0/0/3;Spherical/2/1/3;Ellipsoid/4/0/3/2/20"}
    ),
    "16-bit pictures": mapping(source={"mode": "Image", "file": "source.png"}),
    "turned and scaled pictures": mapping(
        {"model": BOTH},
        source={"mode": "Image", "file": "color.png", "scale": 0.7, "theta-max": 180},
    ),
    "triangles": mapping(source={"mode": ["Triangle", "Spherical"], "sigma-max": 9}),
    "a frame smaller than the images": mapping(
        {"imagesize": 97, "cropsize": 33, "reference": "centre"}
    ),
    "sub-points and tiny sources": mapping(
        {"supersample": 3}, source={"sigma-min": 0.05, "sigma-max": 0.4}
    ),
    "Sersic wings as bytes": mapping({"dtype": "uint8"}, NFW, SERSIC),
    "Sersic wings": mapping({"model": BOTH}, NFW, SERSIC),
    "Sersic cusps": mapping(
        {"supersample": 3}, NFW, {"mode": "SersicSphere", "sigma-min": 0.2, "sigma-max": 1}
    ),
    "sub-points": mapping({"supersample": 3, "model": BOTH}),
    "coarse": mapping({"quantum": 4, "model": BOTH}),
    "quantum 0.3": mapping({"quantum": 0.3}),
    "not rounded": mapping({"quantum": 0, "model": BOTH}),
    "background as bytes": mapping({"bgcolour": 3.5, "dtype": "uint8", "model": BOTH}),
    "background": mapping({"bgcolour": 3.5, "quantum": 0.3}),
    "sky": mapping(observation={"sky": 5, "centre_on": "observed"}),
    "noise": mapping({"model": BOTH}, observation={"psf_fwhm": 2, "gain": 0.3, "read_noise": 2}),
    "noise, centers of it": mapping(
        {"dtype": "uint8"}, observation={"gain": 0.01, "read_noise": 0.1, "centre_on": "observed"}
    ),
    "maskradius": mapping({"maskradius": 15, "model": BOTH}),
    "maskradius, nothing masked": mapping({"maskradius": 15, "mask": "none", "model": BOTH}),
    "all masked": mapping({"mask": "region", "model": BOTH}),
    "discs": mapping({"mask": "disc", "maskradius": 9, "cropsize": 64}),
    "cusps near the ring": mapping(
        {"size": 16}, {"mode": "PM"}, {"mode": "SersicSphere", "sigma-min": 0.5, "sigma-max": 0.8},
        {"r-min": 0.5, "r-max": 6},
    ),
    "compat": mapping({"compat": True, "model": BOTH}),
    "compat, sampled": mapping({"compat": True, "sampled": True, "model": BOTH}),
    "compat, not centered": mapping({"compat": True, "centred": False, "model": "Roulette"}),
    "sampled": mapping({"sampled": True, "model": BOTH}),
    "bilinear": mapping({"sampling": "bilinear", "model": BOTH}),
    "floor": mapping({"sampling": "floor", "quantum": 0.3}),
    "rings": mapping({"model": BOTH}, {"mode": ["SIS", "PM"]}, position={"r-min": 0, "r-max": 0}),
    "sources at the center": mapping({"reference": "centre"}, position={"r-min": 0, "r-max": 1e-4}),
    "dark": mapping({"imagesize": 48, "model": BOTH}, position={"r-min": 60, "r-max": 140}),
    "clusters": mapping(
        {"model": BOTH, "reference": "centre"}, cluster={"count": [2, 3], "maxrelativelocation": 2}
    ),
    "sheared": mapping({"model": BOTH}, {"shear-min": 0.05, "shear-max": 0.2}),
    "lens units": mapping(
        {"amplitude_units": "lens", "model": BOTH}, {"chi-min": 40, "chi-max": 90}
    ),
    "a given point": mapping({"reference": [14, 3], "centred": False, "min_convergence": 0}),
    "huge sources": mapping({"imagesize": 65, "cropsize": 48}, source={"sigma-max": 200}),
    "high orders": mapping({"size": 3, "nterms": 50, "model": BOTH}),
}  # fmt: skip
ORDERS = {"mixed": (0, 12, 4, 1), "zero": (0,)}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Folder with pictures of sources."""
    folder = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[-8:9, -8:9]
    blob = np.exp(-(x**2 + 2 * y**2 + x * y) / 30)
    cv2.imwrite(str(folder / "source.png"), (65535 * blob).astype(np.uint16))
    color = np.stack([200 * blob, 255 * blob.T, 90 * blob], axis=2)
    cv2.imwrite(str(folder / "color.png"), color.astype(np.uint8))
    return folder


def failed(dataset):
    return [(row.id, row.measured, row.what) for row in dataset.rows().values() if not row.passed]


@pytest.mark.parametrize("name", SETS)
def test_a_correct_data_set_passes_every_check(tmp_path, pictures, name):
    config = SETS[name]
    if "file" in config["source"]:
        source = config["source"]
        config = {**config, "source": {**source, "file": str(pictures / source["file"])}}
    assert failed(SmallDataset.of(tmp_path, config).make_checked()) == []


@pytest.mark.parametrize("orders", ORDERS.values(), ids=ORDERS)
def test_rows_have_their_own_orders(tmp_path, orders):
    rows = [
        [
            n + 1,
            f"{n}.png",
            lens,
            9,
            "Spherical",
            2 + n / 4,
            11 + n,
            3,
            orders[n % len(orders)],
            100,
        ]
        for n, lens in enumerate(["SIS", "PM"] * 6)
    ]
    columns = ("index", "filename", "lens", "einsteinradius", "source", "sigma", "x", "y")
    table = tmp_path / "rows.csv"
    write_csv(table, [*columns, "nterms", "chi_percent"], rows)
    config = {"simulator": {"parameters": str(table), "imagesize": 64, "model": "Roulette"}}
    assert failed(SmallDataset.of(tmp_path / "set", config).make_checked()) == []
