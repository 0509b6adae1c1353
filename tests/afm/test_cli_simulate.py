"""Command simulate: the simulator's images as files, for ranges of parameters."""

import json

import numpy as np
import pytest
from afm_commands import PARAMETERS, files_in
from afm_reference import molecule

from simlab.afm.densities import HartreePotential, TipDensity, model_co_tip, model_grids
from simlab.afm.files.xsf import read_xsf
from simlab.afm.files.xyz import saveXYZ
from simlab.afm.simulator import AFMulator

XYZ, ZS, _ = molecule("formic_acid")
XYZ = XYZ - XYZ.mean(axis=0)
QS = np.where(ZS == 8, -0.4, 0.8 / (len(ZS) - 2))
RESULTS = ["df.npz", *(f"df_0{k}.png" for k in range(7)), "simulation.ini", "simulation.json"]


@pytest.fixture(scope="module")
def grids():
    """Potential, density of the molecule; density, change of density of the tip."""
    return *model_grids(XYZ, ZS, QS), *model_co_tip()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a molecule and its parameters."""
    saveXYZ(tmp_path / "acid.xyz", XYZ, ZS, QS)
    (tmp_path / "params.ini").write_text(PARAMETERS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def with_grids(here, grids):
    """The same with potential.npz, density.npz, tip.npz, delta.npz."""
    for name, grid in zip(("potential", "density", "tip", "delta"), grids, strict=True):
        grid.to_file(here / f"{name}.npz", XYZ, ZS)
    return here


def direct(here, *sample, **options):
    """The simulator of the parameters, and its images of a sample."""
    afmulator = AFMulator.from_params(here / "params.ini", **{"backend": "numba", **options})
    return afmulator, afmulator(*sample)


def result(folder, name="df"):
    return np.load(folder / f"{name}.npz")


def test_images_of_a_molecule_are_those_of_the_simulator(afm, here):
    out, err = afm("simulate", "-i", "acid.xyz", "-o", "out")
    afmulator, expected = direct(here, XYZ, ZS, QS)
    found = result(here / "out")
    assert found["df"].dtype == np.float32
    np.testing.assert_array_equal(found["df"], expected)
    np.testing.assert_array_equal(found["scan_window"], afmulator.scan_window)
    np.testing.assert_allclose(found["z_mean"], 6.2 - 0.15 - 0.1 * np.arange(7))
    np.testing.assert_allclose(found["lvec"][0], [-3, -2, 6.05])
    np.testing.assert_allclose(found["lvec"][1:], np.diag([6.5, 5.0, -0.7]))
    assert files_in(here / "out") == RESULTS
    assert (out, err) == ("Wrote out: 7 slices of 13 x 10 pixels\n", "")
    assert (here / "params.ini").read_text() == PARAMETERS


def test_results_lie_in_the_working_directory_by_default(afm, here):
    afm("simulate", "-i", "acid.xyz")
    assert files_in(here) == sorted(["acid.xyz", "params.ini", *RESULTS])
    assert (here / "params.ini").read_text() == PARAMETERS


def test_forces_energies_and_places_come_on_request(afm, here):
    afm("simulate", "-i", "acid.xyz", "-o", "out", "--Fz", "-E", "--pos", "--save_df")
    afmulator, _ = direct(here, XYZ, ZS, QS)
    forces, paths = afmulator.scanner.downloadFE(), afmulator.scanner.downloadPaths()
    out = here / "out"
    np.testing.assert_array_equal(result(out, "Fz")["Fz"], forces[..., 2])
    np.testing.assert_array_equal(result(out, "energy")["energy"], forces[..., 3])
    np.testing.assert_array_equal(result(out, "PPpos")["PPpos"], paths)
    np.testing.assert_allclose(result(out, "Fz")["z"], 6.2 - 0.1 * np.arange(10))
    assert not list(out.glob("*.png"))


@pytest.mark.parametrize(
    ("option", "names"), [("--df", RESULTS[1:8]), ("--save-df", ["df.npz"])], ids=["df", "save-df"]
)
def test_pictures_or_the_stack_can_be_left_out(afm, here, option, names):
    afm("simulate", "-i", "acid.xyz", "-o", "out", option)
    assert files_in(here / "out") == [*names, *RESULTS[8:]]


def test_pictures_differ_with_atoms_and_color_bars(afm, here):
    pictures = set()
    for options in ((), ("--atoms",), ("--cbar",), ("--atoms", "--cbar")):
        afm("simulate", "-i", "acid.xyz", "-o", "out", "--df", "--force", *options)
        pictures.add((here / "out" / "df_03.png").read_bytes())
    assert len(pictures) == 4
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)


def test_other_formats_hold_the_same_images(afm, here):
    for form in ("npz", "npy", "xsf"):
        afm("simulate", "-i", "acid.xyz", "-o", form, "-f", form, "--save_df", "--pos")
    expected = result(here / "npz")["df"]
    np.testing.assert_array_equal(np.load(here / "npy" / "df.npy"), expected)
    grid, lvec, xyzs, Zs = read_xsf(here / "xsf" / "df.xsf")
    np.testing.assert_array_equal(grid, expected[:, :, ::-1])
    np.testing.assert_allclose(lvec, [[-3, -2, 5.45], [6.5, 0, 0], [0, 5, 0], [0, 0, 0.7]])
    np.testing.assert_allclose(xyzs, XYZ)
    assert Zs.tolist() == ZS.tolist()
    places = result(here / "npz", "PPpos")["PPpos"]
    np.testing.assert_array_equal(np.load(here / "npy" / "PPpos.npy"), places)
    for axis, name in enumerate("xyz"):
        grid = read_xsf(here / "xsf" / f"PPpos_{name}.xsf")[0]
        np.testing.assert_array_equal(grid, places[:, :, ::-1, axis])


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("--klat 0.5", {"tipStiffness": (0.5, 0.5, 0, 30)}),
        ("-a 0.6", {"df_steps": 6}),
        ("--Amplitude 0.6", {"df_steps": 6}),
        ("-q 0.2", {"rho": {"dz2": 0.2}}),
        ("--charge 0.2 --tip s --sigma 0.5", {"rho": {"s": 0.2}, "sigma": 0.5}),
        ("-t pz -w 0.6", {"rho": {"pz": -0.1}, "sigma": 0.6}),
        ("--ffModel Morse", {"ff_model": "Morse"}),
        ("--ffModel vdW", {"ff_model": "vdW"}),
        ("--relax fire", {"relax": "fire"}),
        ("--threads 2", {}),
        ("--backend auto", {}),
    ],
)
def test_an_option_sets_its_argument(afm, here, words, options):
    afm("simulate", "-i", "acid.xyz", "-o", "out", "--save_df", *words.split())
    _, expected = direct(here, XYZ, ZS, QS, **options)
    np.testing.assert_array_equal(result(here / "out")["df"], expected)
    plain = direct(here, XYZ, ZS, QS)[1]
    assert options == {} or not np.array_equal(plain, expected)


def test_periodic_images_can_be_switched_off(afm, here):
    text = PARAMETERS.replace("PBC False", "PBC True\nnPBC 1 1 0\ngridA 6 0 0\ngridB 0 6 0")
    (here / "params.ini").write_text(text)
    afm("simulate", "-i", "acid.xyz", "-o", "with", "--save_df")
    afm("simulate", "-i", "acid.xyz", "-o", "without", "--save_df", "--noPBC")
    found = [result(here / name)["df"] for name in ("with", "without")]
    np.testing.assert_array_equal(found[0], direct(here, XYZ, ZS, QS)[1])
    np.testing.assert_array_equal(found[1], direct(here, XYZ, ZS, QS, npbc=(0, 0, 0))[1])
    assert np.abs(found[0] - found[1]).max() > 0.1


def test_a_lattice_in_the_file_goes_before_that_of_the_parameters(afm, here):
    (here / "params.ini").write_text(PARAMETERS.replace("PBC False", "PBC True\nnPBC 1 1 0"))
    saveXYZ(here / "acid.xyz", XYZ, ZS, QS, comment='Lattice="7 0 0 0 6 0 0 0 20" ')
    afm("simulate", "-i", "acid.xyz", "-o", "out", "--save_df")
    expected = direct(here, XYZ, ZS, QS, sample_lvec=np.diag([7.0, 6, 20]))[1]
    np.testing.assert_array_equal(result(here / "out")["df"], expected)


def test_suspicious_geometries_are_scanned_with_a_warning(afm, here, caplog):
    saveXYZ(here / "odd.xyz", np.vstack([XYZ, XYZ[0] + [0, 0, 0.2]]), [*ZS, 1], [*QS, 0])
    afm("simulate", "-i", "odd.xyz", "-o", "out", "--save_df")
    (warning,) = [text for text in caplog.messages if "odd.xyz" in text]
    assert "closer than 0.4 Å" in warning


def test_the_record_names_the_tip_that_acts(afm, here):
    afm("simulate", "-i", "acid.xyz", "-o", "out", "--save_df")
    text = (here / "out" / "simulation.ini").read_text()
    assert "rho dz2 -0.1\n" in text
    assert "Qs" not in text


def test_ranges_give_a_folder_for_each_combination(afm, here):
    ranges = ("--qrange", -0.1, 0, 2, "--krange", 0.2, 0.4, 2, "--arange", 0.3, 0.5, 2)
    out, _ = afm("simulate", "-i", "acid.xyz", "-o", "out", "--save_df", *ranges)
    names = [
        f"Q{q}K{k}/Amp{A}"
        for q in ("-0.10", "0.00")
        for k in ("0.20", "0.40")
        for A in ("0.30", "0.50")
    ]
    assert files_in(here / "out") == sorted(
        f"{name}/{file}" for name in names for file in ("df.npz", *RESULTS[8:])
    )
    written = [line.split(":")[0] for line in out.splitlines() if "Wrote" in line]
    assert written == [f"Wrote out/{name}" for name in names]
    for name, options in (
        ("Q-0.10K0.20/Amp0.50", {"tipStiffness": (0.2, 0.2, 0, 30), "df_steps": 5}),
        ("Q0.00K0.40/Amp0.30", {"rho": None, "Qs": np.zeros(4), "df_steps": 3,
                                "tipStiffness": (0.4, 0.4, 0, 30)}),
    ):  # fmt: skip
        expected = direct(here, XYZ, ZS, QS, **options)[1]
        np.testing.assert_array_equal(result(here / "out" / name)["df"], expected)


def test_a_single_range_keeps_the_other_parameters(afm, here):
    afm("simulate", "-i", "acid.xyz", "-o", "out", "--save_df", "--arange", 0.4, 0.4, 1)
    assert (here / "out" / "Q-0.10K0.25" / "Amp0.40" / "df.npz").is_file()


def test_a_potential_acts_on_the_multipole_of_the_tip(afm, with_grids, grids):
    afm("simulate", "-i", "potential.npz", "-o", "out", "--save_df", "--potential_scale", 1)
    expected = direct(with_grids, XYZ, ZS, grids[0], sample_lvec=grids[0].lvec[1:])[1]
    np.testing.assert_array_equal(result(with_grids / "out")["df"], expected)


def test_by_default_potentials_are_energies_of_electrons(afm, with_grids, grids):
    HartreePotential(-grids[0].array, grids[0].lvec).to_file("energy.xsf", XYZ, ZS)
    afm("simulate", "-i", "energy.xsf", "-o", "a", "--save_df")
    afm("simulate", "-i", "potential.npz", "-o", "b", "--save_df", "--potential-scale", 1)
    np.testing.assert_array_equal(result(with_grids / "a")["df"], result(with_grids / "b")["df"])


def test_the_format_can_be_told_where_the_suffix_does_not(afm, here):
    (here / "acid.xyz").rename(here / "acid.txt")
    afm("simulate", "-i", "acid.txt", "-F", "xyz", "-o", "out", "--save_df")
    np.testing.assert_array_equal(result(here / "out")["df"], direct(here, XYZ, ZS, QS)[1])


def test_densities_give_the_full_density_based_model(afm, with_grids, grids):
    potential, density, tip, delta = grids
    files = ("--density", "density.npz", "--tip_dens", "tip.npz", "--tip_delta_dens", "delta.npz")
    scale = ("--potential_scale", 1, "-A", 12, "-B", 1.2, "--density_cutoff", 1.5)
    afm("simulate", "-i", "potential.npz", "-o", "out", "--save_df", *files, *scale)
    afmulator = AFMulator.from_params(
        with_grids / "params.ini", backend="numba", A_pauli=12, B_pauli=1.2,
        rho=tip.clamp(maximum=1.5), rho_delta=delta.clamp(maximum=1.5),
    )  # fmt: skip
    limited = density.clamp(maximum=1.5)
    expected = afmulator(XYZ, ZS, potential, limited, sample_lvec=potential.lvec[1:])
    np.testing.assert_array_equal(result(with_grids / "out")["df"], expected)
    assert afmulator.fdbm_vdw_type == "D3"


def test_damped_dispersion_can_stand_in_for_d3(afm, with_grids, grids):
    files = ("--density", "density.npz", "--tip_dens", "model_co", "--ffModel", "vdW")
    scale = ("--potential_scale", 1, "--save_df")
    afm("simulate", "-i", "potential.npz", "-o", "out", *scale, *files)
    potential, density, tip, delta = grids
    afmulator = AFMulator.from_params(
        with_grids / "params.ini", backend="numba", rho=tip, rho_delta=delta, fdbm_vdw_type="LJ"
    )
    expected = afmulator(XYZ, ZS, potential, density, sample_lvec=potential.lvec[1:])
    np.testing.assert_array_equal(result(with_grids / "out")["df"], expected)


def test_without_a_density_of_the_sample_the_tips_charge_is_what_its_cores_leave(afm, with_grids):
    rng = np.random.default_rng(0)
    lvec = np.vstack([np.zeros(3), np.diag([8.0, 8, 8])])
    tip = TipDensity(rng.random((16, 16, 16)) / 50, lvec)
    tip.to_file("probe.npz", [[0.0, 0, 0]], [8])
    options = ("--tip_dens", "probe.npz", "--Rcore", 1.1, "--save_df")
    charge = TipDensity(-tip.subCores([[0, 0, 0]], [8], 1.1).array, lvec)
    afm("simulate", "-i", "acid.xyz", "-o", "points", *options)
    expected = direct(with_grids, XYZ, ZS, QS, rho=charge)[1]
    np.testing.assert_array_equal(result(with_grids / "points")["df"], expected)


def test_the_record_gives_the_same_files_again(afm, here):
    afm("simulate", "-i", "acid.xyz", "-o", "a", "--klat", 0.4, "--ffModel", "Morse", "-q", -0.2)
    afm("simulate", "-i", "acid.xyz", "-o", "b", "--params", "a/simulation.ini")
    for name in RESULTS[:-1]:
        assert (here / "a" / name).read_bytes() == (here / "b" / name).read_bytes(), name
    record = json.loads((here / "a" / "simulation.json").read_text())
    assert record["files"] == RESULTS
    assert record["inputs"]["input"]["file"] == "acid.xyz"
    assert record["parameters"]["ffModel"] == "Morse"
    assert record["results"]["n_unconverged"] == 0
    assert str(here) not in (here / "a" / "simulation.json").read_text()


def test_equal_runs_replace_their_files_and_others_need_force(afm, here):
    afm("simulate", "-i", "acid.xyz", "-o", "out")
    before = {name: (here / "out" / name).read_bytes() for name in RESULTS}
    afm("simulate", "-i", "acid.xyz", "-o", "out")
    assert before == {name: (here / "out" / name).read_bytes() for name in RESULTS}
    other = ("simulate", "-i", "acid.xyz", "-o", "out", "-a", 0.6)
    _, err = afm(*other, code=1)
    assert "simulation.json tells of other inputs or parameters; expected another folder" in err
    assert before == {name: (here / "out" / name).read_bytes() for name in RESULTS}
    (here / "out" / "mine.txt").write_text("mine")
    afm(*other, "--force")
    assert files_in(here / "out") == [*RESULTS[:6], "mine.txt", *RESULTS[8:]]


def test_files_of_others_are_not_replaced(afm, here):
    (here / "df.npz").write_text("mine")
    _, err = afm("simulate", "-i", "acid.xyz", code=1)
    assert "df.npz exists without simulation.json; expected another folder, or --force" in err
    assert files_in(here) == ["acid.xyz", "df.npz", "params.ini"]


PROBLEMS = {
    "-i nowhere.xyz": "nowhere.xyz: no such file",
    "-i nowhere.cube": "nowhere.cube: no such file",
    "-i params.ini": "params.ini: suffix '.ini'; expected one of xyz, cube, xsf, npz",
    "-i acid.xyz -F pdb": "input_format 'pdb'; expected one of xyz",
    "-i acid.xyz -F npz": "acid.xyz: not an npz file",
    "-i bad.xyz": "bad.xyz: line 3",
    "-i z.xyz": "`charges: trust`",
    "-i acid.xyz --charges other": "charges: 'other'",
    "-i acid.xyz --params nowhere.ini": "nowhere.ini: no such file; expected parameters",
    "-i acid.xyz --params unknown.ini": "line 1: unknown key 'scanMim', did you mean scanMin?",
    "-i acid.xyz --params colors.ini": "colorscale: 'pink-ish'; expected a color map",
    "-i acid.xyz -f txt": "--output_format: 'txt'; expected one of npz, npy, xsf",
    "-i acid.xyz -a 5": "df_steps: 50; expected an integer 1 to 10",
    "-i acid.xyz -a 0": "df_steps: 0",
    "-i acid.xyz -a nan": "finite",
    "-i acid.xyz --arange 0.2 5 2": "df_steps: 50",
    "-i acid.xyz --klat -1": "--klat, --krange: -1.0; expected stiffnesses >= 0, N/m",
    "-i acid.xyz --krange 0.2 0.3 0": "--krange: 0 values; expected 1 to 1000",
    "-i acid.xyz --krange 0.2 0.201 2": "two scans would go to out/Q-0.10K0.20/Amp0.40",
    "-i acid.xyz --krange 1 9 500 --qrange -1 1 3": "3 x 500 x 1 scans; expected at most 1000",
    "-i acid.xyz --klat 1 --krange 1 2 2": "--klat, --krange: both given",
    "-i acid.xyz -q 1 --qrange 1 2 2": "--charge, --qrange: both given",
    "-i acid.xyz -a 1 --arange 1 2 2": "--Amplitude, --arange: both given",
    "-i acid.xyz -t d2": "--tip: 'd2'; expected one of s, px",
    "-i acid.xyz -w 0": "sigma: 0.0",
    "-i acid.xyz --ffModel Buckingham": "--ffModel: 'Buckingham'; expected one of LJ, Morse, vdW",
    "-i acid.xyz --relax other": "relax: 'other'",
    "-i acid.xyz --backend other": "backend",
    "-i acid.xyz -o acid.xyz": "--output: acid.xyz is a file; expected a folder",
    "-i acid.xyz --density density.npz --tip_dens model_co": "expected a Hartree potential",
    "-i potential.npz --density density.npz": "--density: without --tip_dens",
    "-i acid.xyz --tip_delta_dens delta.npz": "--tip_delta_dens: without --tip_dens",
    "-i acid.xyz --density_cutoff 1": "--density_cutoff: without --tip_dens",
    "-i acid.xyz --tip_dens model_co --density_cutoff 0": "--density_cutoff: 0.0",
    "-i acid.xyz --tip_dens model_co -q 1": "--tip_dens, --charge: both given",
    "-i acid.xyz --tip_dens nowhere.npz": "nowhere.npz: no such file",
    "-i acid.xyz --tip_dens bare.npz": "bare.npz: a tip density without atoms",
    "-i acid.xyz --tip_dens tip.npz --Rcore 0": "Rcore: 0.0; expected a length > 0",
    "-i neutral.xyz --tip_dens model_co": "neutral.xyz, which has no charges",
    "-i bare.npz": "bare.npz: a grid without atoms",
    "-i potential.npz --density small.npz --tip_dens model_co": "small.npz: shape (4, 4, 4)",
    "-i potential.npz --density density.npz --tip_dens model_co --ffModel LJ": "--ffModel: LJ with",
    "-i potential.npz --density negative.npz --tip_dens model_co": "expected a positive one",
    "-i potential.npz --potential_scale nan": "scale: nan",
}


@pytest.fixture
def many_files(with_grids, grids):
    density = grids[1]
    others = {
        "small": (density.array[:4, :4, :4], density.lvec),
        "negative": (-density.array, density.lvec),
    }
    for name, (array, lvec) in others.items():
        TipDensity(array, lvec).to_file(f"{name}.npz", XYZ, ZS)
    grids[2].to_file("bare.npz")
    texts = {
        "bad.xyz": "1\n\nQx 0 0 0\n", "z.xyz": "2\n\nO 0 0 0 8\nC 0 0 1.1 6\n",
        "neutral.xyz": "1\n\nO 0 0 0\n", "unknown.ini": "scanMim 1 2 3\n",
        "colors.ini": PARAMETERS + "colorscale pink-ish\n",
    }  # fmt: skip
    for name, text in texts.items():
        (with_grids / name).write_text(text)
    return with_grids


@pytest.mark.parametrize("line", PROBLEMS)
def test_what_cannot_be_done_is_told_in_a_line_and_leaves_no_file(afm, many_files, line):
    before = files_in(many_files)
    given = line.split() if " -o " in line else ["-o", "out", *line.split()]
    out, err = afm("simulate", *given, code=1)
    assert err.startswith("Error: afm: ")
    assert PROBLEMS[line] in err
    assert len(err.splitlines()) == 1
    assert files_in(many_files) == before
    assert out == ""


def test_a_failure_while_writing_keeps_what_was_there(afm, here, monkeypatch):
    afm("simulate", "-i", "acid.xyz", "-o", "out")
    before = {path.name: path.read_bytes() for path in (here / "out").iterdir()}

    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("simlab.afm.scan_outputs.plot_slices", fails)
    _, err = afm("simulate", "-i", "acid.xyz", "-o", "out", "-a", 0.6, "--force", code=1)
    assert err == "Error: cannot write out: No space left on device\n"
    assert before == {path.name: path.read_bytes() for path in (here / "out").iterdir()}


@pytest.mark.parametrize("option", ["--IETS", "--Vbias", "--boltzmann", "-V"])
def test_options_that_are_not_offered_are_named(afm, here, monkeypatch, option):
    monkeypatch.setenv("COLUMNS", "200")
    _, err = afm("simulate", "-i", "acid.xyz", option, 1, code=2)
    assert f"No such option: {option}" in err
    assert "bias, IETS, KPFM, Boltzmann and spline options" in err
    assert files_in(here) == ["acid.xyz", "params.ini"]
