import h5py
import numpy as np
import pytest
from halo_files import simulation

from simlab.core.files import sha256_of
from simlab.halo.files.catalogs import load_halo_catalog
from simlab.halo.files.headers import check_pair, open_snapshot
from simlab.halo.files.snapshots import load_dmo_particles, load_hydro_particles
from simlab.halo.files.writer import write_simulation
from simlab.halo.layout import catalog_file, snapshot_files
from simlab.halo.parameters import ParameterTable
from simlab.halo.synthetic import synthesize_simulation

TABLE = "CosmoAstroSeed_IllustrisTNG_L50n512_SB35_first64.txt"


def distance(first, second, side=50):
    apart = abs(first - second)
    return np.minimum(apart, side - apart).max()


@pytest.mark.parametrize("naming", ["old", "new"])
@pytest.mark.parametrize("chunks", [(1, 3), (2, 1), (11, 12)])
def test_what_is_written_is_loaded_again(tmp_path, naming, chunks):
    given = simulation()
    write_simulation(
        given, tmp_path, 3, naming=naming, dmo_chunks=chunks[0], hydro_chunks=chunks[1]
    )
    position, mass = load_dmo_particles(tmp_path / "DMO" / "SB35_3")
    assert distance(position, given.pos_dmo) < 8e-6  # float32 near 50 Mpc/h, twice
    assert mass.sum() == pytest.approx(500 * given.mass_dmo, rel=1e-12)
    hydro = load_hydro_particles(tmp_path / "Hydro" / "SB35_3", dtype=np.float64)
    for index, name in ((0, "pos_hdm"), (2, "pos_gas"), (4, "pos_star")):
        assert distance(hydro[index], getattr(given, name)) < 1e-12
    assert hydro[1].sum() == pytest.approx(500 * given.mass_hdm, rel=1e-12)
    assert hydro[3] == pytest.approx(given.mass_gas, rel=2e-7)
    assert hydro[5] == pytest.approx(given.mass_star, rel=2e-7)


def test_the_catalog_is_loaded_again_with_masses_and_radii_in_our_units(tmp_path):
    given = simulation()
    write_simulation(given, tmp_path, 3)
    catalog = load_halo_catalog(tmp_path / "FOF" / "SB35_3")
    assert catalog["group_index"].tolist() == [0, 1, 2]  # the fourth has exactly 1e13
    assert catalog["mass"] == pytest.approx([9e13, 2e13, 4e13], rel=1e-7)
    assert catalog["pos"] == pytest.approx(given.groups["GroupPos"][:3], rel=1e-6)
    assert catalog["r200"] == pytest.approx(given.groups["Group_R_Crit200"][:3], rel=1e-6)
    dmo, hydro = (open_snapshot(tmp_path / part / "SB35_3") for part in ("DMO", "Hydro"))
    check_pair(dmo, hydro, catalog, box_size=50.0)
    assert (dmo.omega0, dmo.omega_baryon, dmo.omega_lambda, dmo.hubble) == (0.31, 0.05, 0.69, 0.68)


def test_the_paths_are_those_of_the_layout(tmp_path):
    written = write_simulation(
        simulation(), tmp_path, 12, set_name="LH", snapnum=33, naming="new", hydro_chunks=2
    )
    assert written == [
        *snapshot_files(tmp_path / "DMO" / "LH_12", 33, 1, "new"),
        *snapshot_files(tmp_path / "Hydro" / "LH_12", 33, 2, "new"),
        catalog_file(tmp_path / "FOF" / "LH_12", 33, "new"),
    ]
    assert all(path.is_file() for path in written)


def test_chunks_are_uneven_and_one_holds_no_stars(tmp_path):
    write_simulation(simulation(), tmp_path, 3, hydro_chunks=3)
    counts = open_snapshot(tmp_path / "Hydro" / "SB35_3").file_counts
    assert len({count[1] for count in counts}) == 3
    assert [count[4] > 0 for count in counts] == [True, False, True]
    with h5py.File(snapshot_files(tmp_path / "Hydro" / "SB35_3", 90, 3)[1]) as file:
        assert list(file) == ["Header", "PartType0", "PartType1"]


def test_a_run_without_stars_is_written_without_the_group(tmp_path):
    write_simulation(simulation(stars=0), tmp_path, 3)
    assert open_snapshot(tmp_path / "Hydro" / "SB35_3").counts == (500, 500, 0, 0, 0, 0)


def test_a_synthetic_simulation_is_loaded_with_the_masses_it_was_made_with(tmp_path, root):
    table = ParameterTable(root / "resources/halo" / TABLE)
    made = synthesize_simulation(table.row(1), n_grid=16, seed=5, sim=1)
    write_simulation(made, tmp_path, 1, parameters=table.row(1))
    _, dmo = load_dmo_particles(tmp_path / "DMO" / "SB35_1")
    arrays = load_hydro_particles(tmp_path / "Hydro" / "SB35_1")
    hydro = sum(arrays[index].sum(dtype=np.float64) for index in (1, 3, 5))
    assert hydro == pytest.approx(dmo.sum(), rel=1e-6)
    catalog = load_halo_catalog(tmp_path / "FOF" / "SB35_1")
    kept = made.groups["Group_M_Crit200"] > 1e13
    assert catalog["mass"] == pytest.approx(made.groups["Group_M_Crit200"][kept], rel=1e-6)


def test_headers_are_typed_as_in_camels(tmp_path, data):
    parameters = {"Omega0": 0.31, "sigma8": 0.8}
    write_simulation(simulation(), tmp_path, 3, parameters=parameters)
    pairs = {
        "DMO/SB35_{}/snap_090.hdf5": "snapshot",
        "Hydro/SB35_{}/snapdir_090/snap_090.0.hdf5": "snapshot",
        "FOF/SB35_{}/fof_subhalo_tab_090.hdf5": "catalog",
    }
    for name, kind in pairs.items():
        with (
            h5py.File(tmp_path / name.format(3)) as ours,
            h5py.File(data / "halo" / "camels_tiny" / name.format(7)) as reference,
        ):
            for key, value in reference["Header"].attrs.items():
                found = ours["Header"].attrs[key]
                assert (found.dtype, found.shape) == (value.dtype, value.shape), key
            for group in set(reference) - {"Header"}:
                for key in set(reference[group]) - {"ParticleIDs"}:
                    assert ours[group][key].dtype == reference[group][key].dtype, key
            assert (dict(ours.get("Parameters", {}).attrs) if kind == "snapshot" else None) == (
                parameters if kind == "snapshot" else None
            )


def test_equal_simulations_give_equal_bytes(tmp_path):
    first = write_simulation(simulation(), tmp_path / "a", 3)
    second = write_simulation(simulation(), tmp_path / "b", 3)
    other = write_simulation(simulation(seed=2), tmp_path / "c", 3)
    with h5py.File(first[0]) as file:  # equal within a second is not enough
        assert h5py.h5g.get_objinfo(file["PartType1"].id, b"Coordinates").mtime == 0
    assert [sha256_of(path) for path in first] == [sha256_of(path) for path in second]
    assert all(sha256_of(a) != sha256_of(b) for a, b in zip(first, other, strict=True))
