"""Settings of the simulator: what is assigned later, what files keep, what is told of elements."""

import numpy as np
import pytest
from afm_scans import sample, small_simulator

from simlab.afm.densities import model_co_tip, model_grids
from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.rotations import rotation_matrix
from simlab.afm.simulator import AFMulator
from simlab.afm.species import loadSpecies

OWN = {
    "fdbm_vdw_type": "LJ",
    "d3_params": "B3LYP",
    "lj_vdw_damp": 3,
    "ff_model": "Morse",
    "df_weights": "exact",
    "mode": "direct",
    "relax": "fire",
    "minimize_memory": True,
    "strict": True,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("A_pauli", "much"),
        ("A_pauli", np.nan),
        ("f0Cantilever", 0),
        ("kCantilever", -1800),
        ("kCantilever", None),
        ("relax", "sd"),
        ("mode", "exact"),
        ("lj_vdw_damp", 7),
        ("lj_vdw_damp", [2]),
        ("fdbm_vdw_type", "TS"),
        ("ff_model", None),
        ("df_weights", "sine"),
        ("d3_params", "PBF"),
        ("d3_params", {"s6": 1}),
        ("typeParams", np.zeros((3, 4))),
        ("typeParams", -loadSpecies()),
        ("typeParams", "species.csv"),
        ("npbc", None),
        ("tipR0", None),
        ("tipR0", ["a", 0, 3]),
        ("sample_lvec", "cubic"),
    ],
)
def test_what_is_assigned_is_checked_and_a_refused_value_leaves_the_old_one(name, value):
    afmulator = small_simulator()
    before = getattr(afmulator, name)
    with pytest.raises(AfmConfigError, match=f"^afm: {name}: "):
        setattr(afmulator, name, value)
    np.testing.assert_equal(getattr(afmulator, name), before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("npbc", None),
        ("npbc", "110"),
        ("scan_dim", None),
        ("scan_dim", ("12", "11", "14")),
        ("scan_window", None),
        ("df_steps", "ten"),
        ("tipR0", None),
        ("tipStiffness", "abc"),
        ("Qs", None),
        ("QZs", [None] * 4),
        ("lvec", "automatic"),
        ("tip_axes", "z"),
    ],
)
def test_arguments_that_are_no_numbers_are_named(name, value):
    with pytest.raises(AfmConfigError, match=f"^afm: {name}: "):
        small_simulator(**{name: value})


def test_exact_weights_that_see_more_than_the_scan_are_refused():
    afmulator = small_simulator(df_steps=14)
    with pytest.raises(AfmConfigError, match="less than 14 with exact"):
        afmulator.df_weights = "exact"
    assert afmulator.df_weights == "simple"


def test_parameters_of_the_pauli_repulsion_are_set_together_or_not_at_all():
    afmulator = small_simulator()
    for A, B in (("much", 1.2), (12.0, 0)):
        with pytest.raises(AfmConfigError, match="_pauli"):
            afmulator.set_fdbm_parameters(A, B)
        assert (afmulator.A_pauli, afmulator.B_pauli) == (18.0, 1.0)
    afmulator.set_fdbm_parameters(12.0, 1.2)
    assert (afmulator.A_pauli, afmulator.B_pauli) == (12.0, 1.2)


def test_assigned_tables_are_copies():
    afmulator, rows = small_simulator(), loadSpecies()
    afmulator.typeParams = rows
    rows[0] = 0
    assert afmulator.typeParams[0, 0] > 0


def test_the_powered_tip_density_follows_density_and_exponent():
    rho, delta = model_co_tip()
    xyz, Zs, qs = sample("bcb")
    grids = model_grids(xyz, Zs, qs)
    options = {"scan_dim": (3, 3, 8), "pixPerAngstrome": 4, "rho_delta": delta}
    expected = small_simulator(**options, rho=rho, B_pauli=1.2)(xyz, Zs, *grids)
    afmulator = small_simulator(**options, rho=rho.clamp(maximum=0.5), B_pauli=1.1)
    other = afmulator(xyz, Zs, *grids)
    afmulator.setRho(rho, B_pauli=1.2)
    np.testing.assert_array_equal(afmulator(xyz, Zs, *grids), expected)
    assert np.abs(other - expected).max() > 1e-3


@pytest.mark.parametrize("kind", [np.float64, np.float16, list])
def test_images_are_not_written_into_other_types(kind):
    X = np.zeros((12, 11, 10), np.float32)
    X = X.tolist() if kind is list else X.astype(kind)
    with pytest.raises(AfmConfigError, match=rf"X: {kind.__name__}; expected .*float32"):
        small_simulator()(*sample("bcb"), X=X)


def test_forces_at_no_points_are_no_forces():
    afmulator = small_simulator(scan_dim=(3, 3, 14))
    afmulator(*sample("bcb"))
    field = afmulator.forcefield
    for empty in ([], np.empty((0, 3), int)):
        assert field.downloadFF(empty).shape == (0, 4)
        assert field.downloadFF(empty).dtype == np.float32
    assert field.downloadFF([1, 2, 3]).shape == (1, 4)
    for wrong in ([[1, 2]], [[1.5, 2, 3]], [1, 2, 3, 4, 5, 6]):
        with pytest.raises(AfmConfigError, match=r"index: .*expected integers \(m, 3\)"):
            field.downloadFF(wrong)


# Parameters in files.


def test_what_a_file_does_not_hold_stays(tmp_path):
    (tmp_path / "params.ini").write_text("scanMin 0 0 6\nscanMax 4 5 7.5\nAmplitude 0.4\n")
    axes, rows = rotation_matrix((1, 0, 0), 0.1), 1.1 * loadSpecies()
    afmulator = small_simulator(**OWN, tip_axes=axes, rho_delta=model_co_tip()[1])
    afmulator.typeParams = rows
    delta = afmulator.rho_delta
    afmulator.load_params(tmp_path / "params.ini")
    assert afmulator.scan_dim == (41, 51, 15)
    assert afmulator.df_steps == 4
    for name, value in OWN.items():
        assert getattr(afmulator, name) == value, name
    np.testing.assert_array_equal(afmulator.typeParams, rows)
    np.testing.assert_array_equal(afmulator._tip_axes, axes)
    assert afmulator.rho_delta is delta


def test_our_own_keys_of_a_file_count(tmp_path):
    (tmp_path / "params.ini").write_text("lj_vdw_damp 1\ndf_weights simple\nffModel LJ\n")
    afmulator = small_simulator(**OWN)
    afmulator.load_params(tmp_path / "params.ini")
    found = afmulator.lj_vdw_damp, afmulator.df_weights, afmulator.ff_model
    assert found == (1, "simple", "LJ")


@pytest.mark.parametrize("suffix", ["ini", "toml"])
@pytest.mark.parametrize("amplitude", [0.55, 0.54, 0.6, None])
def test_exact_weights_come_back_with_their_amplitude(tmp_path, suffix, amplitude):
    steps = 5 if amplitude is None else None
    saved = small_simulator(df_steps=steps, amplitude=amplitude, df_weights="exact")
    saved.save_params(tmp_path / f"params.{suffix}")
    loaded = AFMulator.from_params(tmp_path / f"params.{suffix}", backend="numba")
    other = small_simulator()
    other.load_params(tmp_path / f"params.{suffix}")
    for found in (loaded, other):
        assert found.df_weights == "exact"
        assert found.df_steps == saved.df_steps
        assert found.amplitude == pytest.approx(saved.amplitude, rel=1e-12)
        np.testing.assert_allclose(found.dfWeight, saved.dfWeight, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scan_dim", [(1, 11, 14), (12, 1, 14), (1, 1, 14), (2, 3, 14)])
def test_single_anchors_across_come_back(tmp_path, scan_dim):
    saved = small_simulator(scan_dim=scan_dim)
    saved.save_params(tmp_path / "params.ini")
    loaded = AFMulator.from_params(tmp_path / "params.ini", backend="numba")
    assert loaded.scan_dim == scan_dim
    np.testing.assert_array_equal(loaded.scan_window, saved.scan_window)


@pytest.mark.parametrize(("option", "steps"), [({"amplitude": 0.58}, 6), ({"df_steps": 3}, 3)])
def test_an_oscillation_given_beside_a_file_overrides_the_one_in_it(tmp_path, option, steps):
    small_simulator().save_params(tmp_path / "params.ini")
    found = AFMulator.from_params(tmp_path / "params.ini", backend="numba", **option)
    assert found.df_steps == steps


# Oscillation.


def test_an_amplitude_stays_as_long_as_steps_and_their_length_do():
    afmulator = small_simulator(df_steps=None, amplitude=0.55, df_weights="exact")
    moved = np.add(afmulator.scan_window, (0.1, 0.2, 1 / 3))
    afmulator.setScanWindow(moved, afmulator.scan_dim, afmulator.df_steps)
    assert afmulator.amplitude == 0.55
    afmulator.setScanWindow(df_steps=4)
    assert afmulator.amplitude == pytest.approx(0.4)


# Elements whose parameters are arbitrary.


def test_elements_with_arbitrary_parameters_are_named_once(caplog):
    xyz, Zs, _ = sample("bcb")
    Zs = np.array(Zs)
    Zs[0] = 58
    afmulator = small_simulator(scan_dim=(2, 2, 14), iZPP="Kr")
    for _ in range(2):
        afmulator(xyz, Zs, None)
    messages = [text for text in caplog.messages if "arbitrary" in text]
    assert len(messages) == 2
    assert "Zs: element Ce has arbitrary Lennard-Jones parameters" in messages[0]
    assert "iZPP: element Kr has" in messages[1]


def test_strict_simulators_refuse_arbitrary_parameters():
    xyz, Zs, _ = sample("bcb")
    options = {"scan_dim": (2, 2, 14), "strict": True}
    small_simulator(**options)(xyz, Zs, None)
    with pytest.raises(AfmPhysicsError, match="iZPP: element Kr has arbitrary"):
        small_simulator(**options, iZPP="Kr")(xyz, Zs, None)
    with pytest.raises(AfmPhysicsError, match="Zs: element Ce has arbitrary"):
        small_simulator(**options)(xyz, ["Ce", *Zs[1:]], None)


def test_given_parameters_are_not_arbitrary():
    xyz, Zs, _ = sample("bcb")
    afmulator = small_simulator(scan_dim=(2, 2, 14), strict=True, iZPP="Kr")
    rows = loadSpecies()
    rows[35, :2] = 2.0, 0.0071
    afmulator.typeParams = rows
    afmulator(xyz, Zs, None)
    afmulator.typeParams = loadSpecies()
    afmulator(xyz, Zs, None, REAs=np.tile([3.5, 0.004, -1.5, 0], (len(Zs), 1)))
