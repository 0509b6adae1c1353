"""The simulator's interface: arguments, setters, calls, parameters in files."""

import time

import numpy as np
import pytest
from afm_reference import molecule
from afm_scans import sample, small_simulator

from simlab.afm.densities import HartreePotential, model_co_tip, model_grids
from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.placement import place_molecule
from simlab.afm.simulator import AFMulator
from simlab.afm.species import getAtomsREA, loadSpecies


def test_defaults_are_those_of_the_original_program_and_belong_to_each_instance():
    one = AFMulator(backend="numba")
    one.tipR0[0] = 0.3
    other = AFMulator(backend="numba")
    assert other.tipR0 == [0, 0, 3.0]
    assert other.scan_dim == (128, 128, 30)
    assert other.npbc == (1, 1, 0)
    np.testing.assert_array_equal(other.scan_window, [[2, 2, 7], [18, 18, 10]])
    np.testing.assert_array_equal(other.Qs, [-10, 20, -10, 0])
    assert (other.iZPP, other.sigma, other.A_pauli, other.B_pauli) == (8, 0.71, 18, 1)


def test_no_argument_is_kept_or_modified():
    arguments = {"Qs": [-10.0, 20, -10, 0], "QZs": [0.1, 0, -0.1, 0], "tipR0": [0.1, 0, 3.0]}
    before = {key: list(value) for key, value in arguments.items()}
    afmulator = small_simulator(**arguments)
    xyz, Zs, qs = (array.copy() for array in sample("bcb"))
    first = afmulator(xyz, Zs, qs, rot=np.diag([-1.0, -1, 1]))
    assert arguments == before
    for array, original in zip((xyz, Zs, qs), sample("bcb"), strict=True):
        np.testing.assert_array_equal(array, original)
    for value in arguments.values():
        value[0] = 1.0
    np.testing.assert_array_equal(afmulator(xyz, Zs, qs, rot=np.diag([-1.0, -1, 1])), first)


def test_a_given_array_is_filled_and_returned():
    afmulator = small_simulator()
    X = np.empty((12, 11, 10), np.float32)
    assert afmulator(*sample("bcb"), X=X) is X
    np.testing.assert_array_equal(X, afmulator.eval(*sample("bcb")))
    with pytest.raises(ValueError, match=r"X: shape \(12, 11, 9\); expected \(12, 11, 10\)"):
        afmulator(*sample("bcb"), X=X[..., 1:])


def test_the_steps_of_a_call_can_be_taken_one_by_one():
    afmulator = small_simulator()
    expected = afmulator(*sample("bcb"))
    fresh = small_simulator()
    with pytest.raises(AfmPhysicsError, match="prepareFF"):
        fresh.prepareScanner()
    fresh.prepareFF(*sample("bcb"))
    with pytest.raises(AfmPhysicsError, match="prepareScanner"):
        fresh.evalAFM()
    fresh.prepareScanner()
    np.testing.assert_array_equal(fresh.evalAFM(), expected)


def test_no_charges_are_zero_charges():
    afmulator = small_simulator()
    xyz, Zs, qs = sample("bcb")
    np.testing.assert_array_equal(afmulator(xyz, Zs, None), afmulator(xyz, Zs, 0 * qs))
    assert np.abs(afmulator(xyz, Zs, None) - afmulator(xyz, Zs, qs)).max() > 0.01


def test_elements_may_be_given_as_symbols_and_parameters_of_the_atoms_directly():
    afmulator = small_simulator(iZPP="O")
    xyz, Zs, qs = sample("bcb")
    REAs = getAtomsREA(8, Zs, loadSpecies())
    expected = afmulator(xyz, Zs, qs)
    np.testing.assert_array_equal(afmulator(xyz, Zs, qs, REAs=REAs), expected)
    symbols = ["Br", "Cl", "Cl", *["C"] * 6, *["H"] * 3]
    np.testing.assert_array_equal(afmulator(xyz, symbols, qs), expected)


def test_a_lattice_counts_for_its_call_only():
    afmulator = small_simulator(npbc=(1, 1, 0))
    alone = afmulator(*sample("bcb"))
    lattice = np.diag([9.0, 9, 30])
    crowded = afmulator(*sample("bcb"), sample_lvec=lattice)
    assert np.abs(crowded - alone).max() > 0.01
    np.testing.assert_array_equal(afmulator(*sample("bcb")), alone)
    afmulator.sample_lvec = lattice
    np.testing.assert_array_equal(afmulator(*sample("bcb")), crowded)


def test_a_half_turn_turns_the_copies_of_the_sample_too():
    afmulator = small_simulator(npbc=(1, 1, 0))
    xyz, Zs, qs = sample("bcb")
    lattice = np.array([[9.0, 2, 0], [0, 10, 0], [0, 0, 30]])
    angle = 0.7
    rot = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    center = xyz.mean(axis=0)
    by_hand = afmulator((xyz - center) @ rot.T + center, Zs, qs, sample_lvec=lattice @ rot.T)
    np.testing.assert_allclose(
        afmulator(xyz, Zs, qs, sample_lvec=lattice, rot=rot), by_hand, atol=1e-4
    )


def test_forces_of_the_last_call_can_be_had_on_the_grid():
    afmulator = small_simulator(pixPerAngstrome=4)
    with pytest.raises(AfmPhysicsError, match="call the AFMulator first"):
        afmulator.forcefield.downloadFF()
    afmulator(*sample("bcb"))
    whole = afmulator.forcefield.downloadFF()
    assert whole.shape == (*afmulator.box.shape, 4)
    index = np.array([[3, 4, 5], [40, 30, 20]])
    np.testing.assert_array_equal(afmulator.forcefield.downloadFF(index), whole[tuple(index.T)])


def test_steps_of_an_oscillation_follow_from_its_amplitude():
    by_steps, by_amplitude = (
        small_simulator(df_steps=6),
        small_simulator(df_steps=None, amplitude=0.58),
    )
    assert by_amplitude.df_steps == 6
    np.testing.assert_array_equal(by_steps.dfWeight, by_amplitude.dfWeight)
    assert by_amplitude.amplitude == pytest.approx(0.6)
    assert small_simulator(df_steps=1).amplitude == pytest.approx(0.2)
    exact = small_simulator(df_steps=None, amplitude=0.55, df_weights="exact")
    assert len(exact.dfWeight) == 7
    assert exact.amplitude == pytest.approx(0.55)
    assert exact(*sample("bcb")).shape == (12, 11, 14 - 7 + 1)
    for steps in (3, 10):
        with pytest.raises(AfmConfigError, match=rf"amplitude: 0\.5 Å beside df_steps {steps}"):
            small_simulator(df_steps=steps, amplitude=0.5)
    assert small_simulator(df_steps=None).df_steps == 10


def test_other_names_of_arguments_mean_the_same():
    rho, delta = model_co_tip()
    afmulator = small_simulator(
        pixPerAngstrome=None, ff_grid_step=0.125, tip_density_pauli=rho, tip_density_es=delta
    )
    assert afmulator.pixPerAngstrome == 8
    assert afmulator.rho is rho
    assert afmulator.rho_delta is delta


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"Qs": [1, 2, 3]}, "Qs: 3 values"),
        ({"QZs": [0.1, 0, np.nan, 0]}, "QZs: 4 values"),
        ({"scan_window": ((0, 0, 5), (0, 5, 6))}, "x runs from 0 to 0"),
        ({"scan_window": ((0, 0, 5), (5, 5, np.inf))}, "finite|three numbers"),
        ({"scan_dim": (10, 10)}, "three integers"),
        ({"scan_dim": (10, 2.5, 10)}, "three integers"),
        ({"scan_dim": (10, 4096, 10)}, "1 to 2048"),
        ({"scan_dim": (10, 10, 1), "df_steps": 1}, "1 heights; expected at least 2"),
        ({"scan_dim": (2048, 2048, 1000)}, "MiB"),
        ({"df_steps": 0}, "df_steps: 0; expected an integer 1 to 14"),
        ({"df_steps": 15}, "df_steps: 15"),
        ({"amplitude": 9.0, "df_steps": None}, "amplitude 9 Å, df_steps: 90"),
        ({"df_steps": 14, "df_weights": "exact"}, "less than 14 with exact"),
        ({"df_weights": "sine"}, "df_weights: 'sine'"),
        ({"tipR0": (3, 0, 3)}, "tipR0"),
        ({"tipR0": (0, 0)}, "three lengths"),
        ({"tipStiffness": [0.25, 0.25, 0]}, "tipStiffness: 3 values"),
        ({"tipStiffness": [0.25, -0.25, 0, 30]}, "kx, ky, kz >= 0"),
        ({"npbc": (1, 1)}, "npbc"),
        ({"npbc": (9, 1, 0)}, "at most 5"),
        ({"pixPerAngstrome": 0}, "pixPerAngstrome: 0"),
        ({"pixPerAngstrome": 200}, "at most 2048"),
        ({"lvec": np.zeros((4, 3))}, "no volume"),
        ({"iZPP": "Xx"}, "'Xx' is not an element"),
        ({"rho": {"dx3": 1.0}}, "unknown multipole 'dx3'"),
        ({"rho": 3.0}, "expected a TipDensity"),
        ({"rho_delta": {"s": 1}}, "expected a TipDensity"),
        ({"sigma": -1}, "sigma: -1"),
        ({"B_pauli": 0}, "B_pauli: 0"),
        ({"A_pauli": "much"}, "A_pauli: 'much'"),
        ({"fdbm_vdw_type": "TS"}, "expected one of D3, LJ"),
        ({"d3_params": "PBF"}, "did you mean PBE"),
        ({"lj_vdw_damp": 7}, "lj_vdw_damp: 7"),
        ({"f0Cantilever": -5}, "f0Cantilever: -5"),
        ({"tip_axes": np.ones((3, 3))}, "orthonormal"),
        ({"sample_lvec": np.zeros((3, 3))}, "sample_lvec"),
        ({"backend": "cuda"}, "backend: 'cuda'"),
    ],
)
def test_unusable_arguments_are_value_errors_that_name_them(options, message):
    with pytest.raises(ValueError, match=message):
        small_simulator(**options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"xyzs": np.zeros(3)}, r"xyzs: shape \(3,\)"),
        ({"Zs": [6]}, "Zs: 1 elements; expected 12"),
        ({"qs": np.zeros(3)}, r"qs: shape \(3,\); expected \(12,\)"),
        ({"rot": np.ones((3, 3))}, "rotation matrix"),
        ({"rot": np.diag([1.0, 1, -1])}, r"rotation matrix: .*determinant \+1"),
        ({"rot_center": [0, 0]}, "rot_center"),
        ({"REAs": np.zeros((3, 4))}, r"REAs: shape \(3, 4\); expected \(12, 4\)"),
        ({"sample_lvec": np.ones((3, 3))}, "sample_lvec"),
        ({"rho_sample": 1.0}, "expected qs to be a HartreePotential"),
    ],
)
def test_unusable_samples_are_value_errors_that_name_them(arguments, message):
    given = dict(zip(("xyzs", "Zs", "qs"), sample("bcb"), strict=True))
    with pytest.raises(ValueError, match=message):
        small_simulator()(**{**given, **arguments})


def test_a_refused_setting_leaves_the_old_one():
    afmulator = small_simulator()
    before = afmulator(*sample("bcb"))
    for change in (
        lambda: afmulator.setQs([1, 0, 0, 0], [0, 0, 0]),
        lambda: afmulator.setScanWindow(((0, 0, 5), (5, 5, 6)), (4, 4, 0)),
        lambda: afmulator.setLvec(np.zeros((4, 3)), 12),
        lambda: afmulator.setStiffness([1, 1, 1, -1]),
        lambda: afmulator.setRho({"nonsense": 1.0}),
    ):
        with pytest.raises(AfmConfigError):
            change()
    np.testing.assert_array_equal(afmulator(*sample("bcb")), before)


def test_a_new_window_moves_the_box_only_when_asked():
    afmulator = small_simulator()
    lvec = afmulator.lvec
    afmulator.setScanWindow(afmulator.scan_window + 1.0, (6, 5, 14), 4)
    np.testing.assert_array_equal(afmulator.lvec, lvec)
    assert afmulator(*sample("bcb")).shape == (6, 5, 11)
    afmulator.setLvec()
    np.testing.assert_allclose(afmulator.lvec[0], lvec[0] + 1.0)


def test_a_window_at_the_edge_of_the_box_is_warned_of_once(caplog):
    lvec = [[6.1, 0, -3], [16, 0, 0], [0, 20, 0], [0, 0, 12]]
    afmulator = small_simulator(lvec=lvec)
    afmulator(*sample("bcb"))
    afmulator(*sample("bcb"))
    assert caplog.text.count("edge of the force-field box along x") == 1
    caplog.clear()
    small_simulator(lvec=lvec, npbc=(1, 0, 0)).check_scan_window()
    small_simulator().check_scan_window()
    assert not caplog.text


def hartree_sample():
    xyz, Zs, qs = molecule("benzoquinone")
    potential, density = model_grids(xyz, Zs, qs)
    return xyz, Zs, potential, density


def window_over(xyz):
    x, y = xyz[:, :2].mean(axis=0)
    z = xyz[:, 2].max() + 5.0
    return ((x - 2, y - 2, z), (x + 2, y + 2, z + 1.2))


def test_potentials_and_densities_choose_the_model(caplog):
    xyz, Zs, potential, density = hartree_sample()
    options = {"scan_window": window_over(xyz), "scan_dim": (5, 5, 12), "pixPerAngstrome": 5}
    rho, delta = model_co_tip()
    plain = small_simulator(**options)(xyz, Zs, None)
    point = small_simulator(**options)(xyz, Zs, potential)
    cloud = small_simulator(**options, rho={"dz2": -0.1})(xyz, Zs, potential)
    full = small_simulator(**options, rho=rho, rho_delta=delta)
    pauli = full(xyz, Zs, potential, density)
    full.setBPauli(1.2)
    powered = full(xyz, Zs, potential, density)
    images = [plain, point, cloud, pauli, powered]
    for i, one in enumerate(images):
        for other in images[:i]:
            assert np.abs(one - other).max() > 1e-3
    for need in ("rho", "rho_delta"):
        lacking = small_simulator(**options, **{"rho": rho, "rho_delta": delta, need: None})
        with pytest.raises(ValueError, match=f"{need}: None; expected a TipDensity"):
            lacking(xyz, Zs, potential, density)
    with pytest.raises(AfmPhysicsError, match="direct"):
        small_simulator(**options, mode="direct")(xyz, Zs, potential)


def test_close_images_of_a_grid_are_warned_of_and_refused_in_strict_mode(caplog):
    xyz, Zs, potential, _ = hartree_sample()
    options = {"scan_window": window_over(xyz), "scan_dim": (5, 5, 12), "pixPerAngstrome": 5}
    cell = potential.lvec.copy()
    cell[3] *= 0.7
    flat = HartreePotential(potential.array, cell)
    small_simulator(**options)(xyz, Zs, flat)
    assert "periodic images of the sample are" in caplog.text
    with pytest.raises(AfmPhysicsError, match=r"periodic images of the sample are \d\.\d Å"):
        small_simulator(**options, strict=True)(xyz, Zs, flat)
    caplog.clear()
    cell = potential.lvec.copy()
    cell[1:] *= 4
    wide = HartreePotential(np.zeros((8, 8, 8)), cell)
    wider_box = np.vstack([xyz.mean(axis=0) - 12, np.diag([24.0, 24, 24])])
    small_simulator(**options, lvec=wider_box, strict=True)(xyz, Zs, wide)
    assert not caplog.text


def test_atoms_outside_of_their_grid_are_warned_of(caplog):
    xyz, Zs, potential, _ = hartree_sample()
    options = {"scan_window": window_over(xyz), "scan_dim": (5, 5, 12), "pixPerAngstrome": 5}
    lvec = potential.lvec.copy()
    lvec[0] += 7.0
    moved = HartreePotential(potential.array, lvec)
    small_simulator(**options)(xyz, Zs, moved)
    assert "outside of its grid" in caplog.text


@pytest.mark.parametrize("suffix", ["ini", "toml"])
def test_saved_parameters_come_back(tmp_path, suffix):
    saved = small_simulator(
        iZPP="Xe", Qs=[0.3, 0, 0, 0], QZs=[0.01, 0, 0, 0], rho={"s": 0.1, "dz2": -0.2}, sigma=0.6,
        tipR0=[0.1, -0.2, 3.3], tipStiffness=[0.2, 0.3, 0.1, 25], npbc=(2, 1, 0), A_pauli=12.5,
        B_pauli=1.2, fdbm_vdw_type="LJ", d3_params="B3LYP", lj_vdw_damp=3, ff_model="Morse",
        f0Cantilever=25000, kCantilever=1700, colorscale="viridis", pixPerAngstrome=8,
        lvec=[[0, 0, -4], [18, 0, 0], [0, 18, 0], [0, 0, 12]],
        sample_lvec=[[9, 1, 0], [0, 9, 0], [0, 0, 20]],
    )  # fmt: skip
    path = tmp_path / f"params.{suffix}"
    saved.save_params(path)
    loaded = AFMulator.from_params(path, backend="numba")
    assert_equal_settings(loaded, saved)
    other = small_simulator()
    other.load_params(path)
    assert_equal_settings(other, saved)
    np.testing.assert_array_equal(other(*sample("bcb")), saved(*sample("bcb")))


SETTINGS = (
    "iZPP", "Qs", "QZs", "rho", "sigma", "tipR0", "tipStiffness", "npbc", "A_pauli", "B_pauli",
    "fdbm_vdw_type", "d3_params", "lj_vdw_damp", "ff_model", "f0Cantilever",
    "kCantilever", "colorscale", "pixPerAngstrome", "lvec", "lvec_is_automatic", "scan_dim",
    "scan_window", "df_steps", "sample_lvec",
)  # fmt: skip


def assert_equal_settings(one, other):
    for name in SETTINGS:
        np.testing.assert_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_an_automatic_box_and_no_lattice_come_back_too(tmp_path):
    saved = small_simulator()
    saved.save_params(tmp_path / "params.ini")
    assert_equal_settings(AFMulator.from_params(tmp_path / "params.ini", backend="numba"), saved)


def test_parameters_of_the_original_program_are_understood(tmp_path):
    (tmp_path / "params.ini").write_text(
        "probeType 54 # Xe\ncharge -0.1\ntip dz2\nstiffness 0.3 0.3 -1\nr0Probe 0 0 3.5\n"
        "scanMin 0 0 6\nscanMax 4 5 7.5\nscanStep 0.25 0.5 0.1\nAmplitude 0.4\nPBC False\n"
    )
    found = AFMulator.from_params(tmp_path / "params.ini", backend="numba")
    assert found.scan_dim == (17, 11, 15)
    assert found.df_steps == 4
    assert found.iZPP == 54
    assert found.npbc == (0, 0, 0)
    assert found.rho == {"dz2": -0.1}
    np.testing.assert_allclose(found.Qs, [-10, 20, -10, 0])
    np.testing.assert_allclose(found.tipStiffness, [0.3, 0.3, 0, 30])
    np.testing.assert_allclose(found.sample_lvec, 20 * np.eye(3))


def test_a_density_on_a_grid_cannot_be_saved_as_a_parameter(tmp_path):
    with pytest.raises(AfmConfigError, match="tip density on a grid"):
        small_simulator(rho=model_co_tip()[0]).save_params(tmp_path / "params.ini")


def test_slices_are_drawn_into_the_folder(tmp_path):
    df = small_simulator(df_steps=13)(*sample("bcb"), plot_to_dir=tmp_path / "plots")
    pictures = sorted((tmp_path / "plots").iterdir())
    assert [path.name for path in pictures] == ["df_00.png", "df_01.png"]
    assert df.shape[2] == 2
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_with_little_memory_the_results_are_the_same():
    frugal = small_simulator(minimize_memory=True)
    usual = small_simulator()
    np.testing.assert_array_equal(frugal(*sample("bcb")), usual(*sample("bcb")))
    np.testing.assert_array_equal(frugal.scanner.downloadZiso(), usual.scanner.downloadZiso())


def test_a_sample_of_the_seed_takes_less_than_a_second_of_one_processor():
    afmulator = AFMulator(
        scan_dim=(128, 128, 19), scan_window=((2, 2, 5), (18, 18, 6.9)), npbc=(0, 0, 0),
        backend="numba",
    )  # fmt: skip
    xyz, Zs, qs = molecule("carbazole")
    radii = getAtomsREA(8, Zs, loadSpecies())[:, 0]
    xyz = place_molecule(xyz, radii, afmulator.scan_window, 4.5)
    afmulator(xyz, Zs, qs)
    afmulator.scanner.downloadZiso(depth=2.0)
    begin = time.process_time()
    afmulator(xyz, Zs, qs)
    afmulator.scanner.downloadZiso(depth=2.0)
    assert time.process_time() - begin < 1.0
