"""What is computed as asked and can hardly be meant is told in the log."""

import numpy as np
import pytest
from afm_commands import PARAMETERS
from afm_finished import FDBM, GENERAL, HARTREE, SMALL, SmallDataset

from simlab.afm.files.xyz import saveXYZ
from simlab.afm.simulator import AFMulator

CARBON = np.array([[0.0, 0, 0], [1.4, 0, 0]])
OVER = {"scan_window": [[-2, -2, 5], [2, 2, 6]], "scan_dim": [8, 8, 10], "npbc": [0, 0, 0]}


def warnings_of(caplog, folder, mapping):
    SmallDataset.of(folder, mapping).make_inputs()
    return [text for text in caplog.messages if "no charges" in text]


def test_molecules_without_charges_are_named_where_charges_make_images(tmp_path, caplog):
    (warning,) = warnings_of(caplog, tmp_path, SMALL)
    assert warning.startswith("afm: 2 of 3 molecules have no charges (formic_acid, g2_NH3): no ele")
    assert "unlike over the others" in warning


@pytest.mark.parametrize("kept", [{"sim_type": "LJ"}, {"charges": "ignore"}], ids=str)
def test_they_are_not_where_nothing_is_lost(tmp_path, caplog, kept):
    assert warnings_of(caplog, tmp_path, {**SMALL, **kept}) == []


def test_a_model_potential_without_charges_is_called_0(tmp_path, caplog):
    (warning,) = warnings_of(caplog, tmp_path, {**FDBM, "molecules": FDBM["molecules"][:1]})
    assert "the potential of their model grids is 0 everywhere; expected" in warning


def test_close_images_of_a_model_grid_are_told_with_a_remedy_that_there_is(tmp_path, caplog):
    simulator = {**HARTREE["simulator"], "scan_dim": [4, 4, 12]}
    data = SmallDataset.of(tmp_path, {**HARTREE, "simulator": simulator})
    data.make_inputs()
    data.make_shard("00000")
    warnings = [text for text in caplog.messages if "periodic images" in text]
    assert warnings
    assert all("model potential" in text and "grids from files" in text for text in warnings)


@pytest.mark.parametrize("frequency", [30.3, 3e7])
def test_a_frequency_in_another_unit_is_warned_of(caplog, frequency):
    AFMulator(f0Cantilever=25e3)
    assert caplog.messages == []
    AFMulator(f0Cantilever=frequency)
    assert f"f0Cantilever: {frequency:g} Hz; expected 1000 to 1e+07 Hz" in caplog.text


def test_images_that_are_not_finite_are_warned_of(caplog):
    df = AFMulator(**OVER, tipStiffness=(250, 250, 0, 30000))(CARBON, [6, 6], None)
    assert np.isnan(df).any()
    assert f"{np.isnan(df).sum()} of {df.size} values are not finite" in caplog.text


@pytest.fixture
def here(tmp_path, monkeypatch):
    saveXYZ(tmp_path / "forces.xyz", CARBON, [6, 6], [1.7, 1.9])
    saveXYZ(tmp_path / "bare.xyz", CARBON, [6, 6])
    (tmp_path / "params.ini").write_text(PARAMETERS)
    (tmp_path / "stiff.ini").write_text(PARAMETERS + "stiffness 250 250 30000\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        ("simulate", "-i", "forces.xyz", "-o", "out", "--save_df"),
        ("descriptors", "forces.xyz", "-o", "maps.npz", "--descriptor", "Bonds"),
    ],
    ids=lambda line: line[0],
)
def test_commands_doubt_charges_that_are_none_of_a_molecule(afm, here, caplog, line):
    afm(*line)
    assert "forces.xyz: charges add up to 3.6 e; expected a whole number" in caplog.text


def test_a_charged_tip_over_a_molecule_without_charges_is_told(afm, here, caplog):
    afm("simulate", "-i", "bare.xyz", "-o", "out", "--save_df")
    assert "bare.xyz: no charges; no electrostatic force acts" in caplog.text


def test_the_command_writes_no_images_that_are_not_finite(afm, here):
    line = ("simulate", "-i", "bare.xyz", "-o", "out", "--params", "stiff.ini")
    _, err = afm(*line, code=1)
    assert "values are not finite" in err
    assert "stiffnesses as of a real tip" in err
    assert not (here / "out").exists()


SLAB = [
    (i, j, k, (i + j + k) % 2) for i in range(4) for j in range(4) for k in range(2)
]  # cell of NaCl(001)


def test_a_periodic_surface_may_go_on_beyond_the_scan(tmp_path, caplog):
    places = 2.82 * np.array([(i, j, -k) for i, j, k, _ in SLAB])
    kinds = np.array([kind for *_, kind in SLAB])
    saveXYZ(tmp_path / "nacl.xyz", places, np.where(kinds, 17, 11), np.where(kinds, -0.9, 0.9))
    simulator = {
        **GENERAL["simulator"],
        "scan_window": [[0, 0, 0], [8, 8, 1.2]],
        "npbc": [1, 1, 0],
        "sample_lvec": [[11.28, 0, 0], [0, 11.28, 0], [0, 0, 30]],
    }
    mapping = {**GENERAL, "molecules": [str(tmp_path / "nacl.xyz")], "simulator": simulator}
    mapping = {**mapping, "aux_maps": ["vdwSpheres"], "rotations": ["identity"], "strict": True}
    rows = SmallDataset.of(tmp_path / "slab", mapping).make().rows()
    assert rows["afm.inside_window"].measured == 0
    assert [row.id for row in rows.values() if not row.passed] == []
    one_way = SmallDataset.of(
        tmp_path / "stripe",
        {**mapping, "strict": False, "simulator": {**simulator, "npbc": [1, 0, 0]}},
    ).make()
    assert one_way.failing() == {"afm.inside_window"}
    assert "wide as read" in caplog.text
