"""Lensing beside the original program and beside lenstronomy, in their own environment."""

import csv
import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from simlab.lensing import (
    image_positions,
    make_cluster,
    make_lens,
    read_formulas,
    read_rows,
    resimulate_row,
    simulate_row,
)

pytestmark = pytest.mark.peers

PYTHON = Path(os.environ.get("PEERS_VENV", "../peers-venv")) / "lensing" / "bin" / "python"
SECOND_OPINION = """
import json, sys
import numpy as np
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LensModel.Solver.lens_equation_solver import LensEquationSolver
from lenstronomy.Util.param_util import phi_q2_ellipticity
task = json.load(open(sys.argv[1]))
x, y = np.array(task["x"]), np.array(task["y"])
found = []
for names, lenses in task["models"]:
    keywords = []
    for name, values in zip(names, lenses):
        if name == "EPL":
            e1, e2 = phi_q2_ellipticity(np.deg2rad(values.pop("angle")), values.pop("q"))
            values |= {"e1": e1, "e2": e2}
        keywords.append(values)
    model = LensModel(names)
    ax, ay = model.alpha(x, y, keywords)
    kappa = model.kappa(x, y, keywords)
    gamma = model.gamma(x, y, keywords)
    solver = LensEquationSolver(model)
    images = solver.image_position_from_source(
        *task["eta"], keywords, search_window=300, min_distance=0.5, precision_limit=1e-12,
        num_iter_max=200)
    mu = model.magnification(*images, keywords)
    found.append({"a": [list(ax), list(ay)], "kappa": list(kappa),
                  "gamma": [list(g) for g in gamma],
                  "images": [list(map(float, part)) for part in (*images, mu)]})
json.dump(found, open(sys.argv[2], "w"))
"""
SCALE = {"Rs": 60.0, "alpha_Rs": 4 * 0.3 * 60.0 * (1 + np.log(0.5))}
MODELS = {
    "SIS": (["SIS"], [{"theta_E": 40.0}]),
    "PM": (["POINT_MASS"], [{"theta_E": 35.0}]),
    "SIE": (["EPL"], [{"theta_E": 40.0, "gamma": 2.0, "q": 0.6, "angle": 120.0}]),
    "NFW": (["NFW"], [SCALE]),
    "two SIE and shear": (
        ["EPL", "EPL", "SHEAR"],
        [
            {
                "theta_E": 30.0,
                "gamma": 2.0,
                "q": 0.5,
                "angle": 100.0,
                "center_x": -15.0,
                "center_y": 10.0,
            },
            {
                "theta_E": 20.0,
                "gamma": 2.0,
                "q": 0.8,
                "angle": 165.0,
                "center_x": 30.0,
                "center_y": -12.0,
            },
            {"gamma1": 0.05, "gamma2": -0.08},
        ],
    ),
}
LENSES = {
    "SIS": make_lens("SIS", einstein_radius=40),
    "PM": make_lens("PM", einstein_radius=35),
    "SIE": make_lens("SIE", einstein_radius=40, ratio=0.6, orientation_deg=30),
    "NFW": make_lens("NFW", kappa_s=0.3, scale_radius=60),
    "two SIE and shear": make_cluster(
        [
            make_lens("SIE", einstein_radius=30, ratio=0.5, orientation_deg=10, x=-15, y=10),
            make_lens("SIE", einstein_radius=20, ratio=0.8, orientation_deg=75, x=30, y=-12),
            make_lens("Shear", gamma1=0.05, gamma2=-0.08),
        ]
    ),
}
ETA = (9.0, 6.0)
COLUMNS = (
    *("index", "filename", "model", "lens", "einsteinradius", "ellipseratio", "orientation"),
    *("source", "sigma", "sigma2", "theta", "n_sersic", "luminosity", "x", "y", "nterms"),
)
SETTINGS = {
    "imagesize": 128, "cropsize": 96, "centred": True, "nterms": 4,
    "compat": True, "solver": "peer", "mask": "none",
}  # fmt: skip


@pytest.fixture(scope="module")
def python():
    if not PYTHON.exists():
        pytest.skip(f"not installed: {PYTHON}, `make peers` makes it")
    return PYTHON.absolute()


@pytest.fixture(scope="module")
def opinions(python, tmp_path_factory):
    """What lenstronomy says of every lens, and the points it was asked about."""
    folder = tmp_path_factory.mktemp("lenstronomy")
    rng = np.random.default_rng(4)
    points = rng.uniform(-120, 120, 60) + 1j * rng.uniform(-120, 120, 60)
    task = {
        "x": points.real.tolist(), "y": points.imag.tolist(), "eta": ETA,
        "models": list(MODELS.values()),
    }  # fmt: skip
    (folder / "task.json").write_text(json.dumps(task))
    (folder / "program.py").write_text(SECOND_OPINION)
    subprocess.run(
        [python, "program.py", "task.json", "found.json"], cwd=folder, check=True, timeout=300
    )
    found = json.loads((folder / "found.json").read_text())
    return points, dict(zip(MODELS, found, strict=True))


@pytest.mark.parametrize("name", list(LENSES))
def test_deflection_convergence_and_shear_are_those_of_lenstronomy(opinions, name):
    points, found = opinions
    lens, other = LENSES[name], found[name]
    np.testing.assert_allclose(
        lens.deflection(points), np.dot([1, 1j], other["a"]), rtol=0, atol=1e-9
    )
    if name != "PM":  # a point mass is smoothed there
        np.testing.assert_allclose(lens.convergence(points), other["kappa"], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(
            lens.shear(points), np.dot([1, 1j], other["gamma"]), rtol=1e-7, atol=1e-9
        )


@pytest.mark.parametrize("name", list(LENSES))
def test_images_are_those_that_lenstronomy_finds(opinions, name):
    x, y, mu = opinions[1][name]["images"]
    ours = {
        complex(image.x, image.y): image.magnification
        for image in image_positions(LENSES[name], complex(*ETA))
    }
    assert len(x) >= 1
    for theirs, magnification in zip(np.dot([1, 1j], [x, y]), mu, strict=True):
        nearest = min(ours, key=lambda image: abs(image - theirs))
        if abs(magnification) < 1e-3:
            continue  # a faint image at a singular center, which the other search blurs
        assert abs(nearest - theirs) < 1e-6
        assert ours[nearest] == pytest.approx(magnification, rel=1e-5)


@pytest.fixture(scope="module")
def originals(python, tmp_path_factory):
    """Folder of random rows and what the original program makes of them."""
    folder = tmp_path_factory.mktemp("original")
    rng = np.random.default_rng(11)
    lenses, models = ("SIS", "SIE", "PM"), ("Raytrace", "Raytrace", "Roulette")
    sources = ("Spherical", "Ellipsoid", "SersicSphere", "SersicEllipsoid", "Triangle")
    with open(folder / "rows.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for number in range(1, 19):
            g, angle = rng.uniform(8, 20), rng.uniform(0, 2 * np.pi)
            eta = g * rng.uniform(0.5, 1.2) * np.exp(1j * angle)
            lens, source = lenses[number % 3], sources[number % 5]
            sigma = 12 if source == "Triangle" else rng.uniform(3, 8)
            numbers = (g, rng.uniform(0.4, 0.9), rng.uniform(0, 180))
            shape = (sigma, rng.uniform(2, 6), rng.uniform(0, 180), rng.uniform(1, 4))
            writer.writerow(
                [number, f"image-{number:06d}.png", models[number % 3], lens]
                + [f"{value:.4f}" for value in numbers]
                + [source]
                + [f"{value:.4f}" for value in (*shape, rng.uniform(1, 20), eta.real, eta.imag)]
                + [4]
            )
    subprocess.run(
        [
            *(python, "-m", "CosmoSim", "-Z", "128", "-z", "96", "--centred", "-n", "4"),
            *("--csvfile", "rows.csv", "--directory", "png", "--outfile", "roulette.csv"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=600,
    )
    return folder


def test_pictures_are_those_of_the_original_program(originals):
    rows = read_rows(originals / "rows.csv")
    different = {}
    for row in rows:
        theirs = cv2.imread(str(originals / "png" / row["filename"]), cv2.IMREAD_UNCHANGED)
        ours = simulate_row(row, SETTINGS).image
        theirs = theirs if theirs.ndim == ours.ndim else theirs[..., 0]
        changed = np.abs(ours.astype(int) - theirs)
        different[row["filename"]] = (changed > 1).mean()
    assert max(different.values()) <= 5e-4, different


def test_columns_are_those_of_the_original_program(originals):
    rows = read_rows(originals / "rows.csv")
    with open(originals / "roulette.csv", newline="") as stream:
        theirs = {row["filename"]: row for row in csv.DictReader(stream)}
    compared = 0
    for row in rows:
        columns = simulate_row(row, SETTINGS).columns
        original = theirs[row["filename"]]
        for name in original:
            if name in ("filename", "source", "offsetY") or name not in columns:
                continue
            if original[name] == "":
                continue
            tolerance = 1e-9 if name.startswith(("alpha", "beta")) else 1e-6
            assert float(columns[name]) == pytest.approx(float(original[name]), abs=tolerance), (
                row["filename"],
                name,
            )
            compared += 1
    assert compared > 18 * 20


def test_its_tables_can_be_drawn_from(originals):
    with open(originals / "roulette.csv", newline="") as stream:
        row = next(csv.DictReader(stream))
    picture = resimulate_row(row, {"imagesize": 128, "cropsize": 96})
    assert picture.shape == (96, 96)
    assert picture.max() > 1


@pytest.mark.parametrize(("lens", "order"), [("SIS", 4), ("PM", 4)])
def test_formula_files_of_the_original_program_hold_the_same_amplitudes(
    python, tmp_path, lens, order
):
    subprocess.run(
        [
            *(python, "-m", "CosmoSim.Roulettes", str(order), "2"),
            *("--lens", lens, "--output", "formulas.txt"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=300,
    )
    xi = 23.0 - 41.0j
    found = read_formulas(tmp_path / "formulas.txt").amplitudes(xi, einstein_radius=30.0)
    wanted = make_lens(lens, einstein_radius=30).amplitudes(xi, order)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
