"""Catalogs and snapshots in other units than they are read in are refused, and by the plan told."""

import shutil

import h5py
import numpy as np
import pytest
from halo_campaign import SIM, TINY, make_shard, tiny_dataset, tiny_inputs
from halo_files import chunked_snapshot, snapshot_file

from simlab.core.errors import SimlabError
from simlab.halo import plan
from simlab.halo.errors import CatalogError, SnapshotError
from simlab.halo.files.catalogs import load_halo_catalog
from simlab.halo.files.plausible import check_catalog, check_places
from simlab.halo.files.snapshots import fingerprint, open_snapshot

MPC = {"length": "Mpc/h", "mass": "Msun/h"}
KPC = {"length": "kpc/h", "mass": "Msun/h"}
HEAVY = {"length": "Mpc/h", "mass": "1e10Msun/h"}


def catalog(path, rows, units=MPC, columns="x,y,z,mass"):
    path.write_text("\n".join([columns, *rows]) + "\n")
    return load_halo_catalog(path, 1e13, units=units)


GOOD = ["12,4,21,2e13", "0,0.01,0.02,5e14", "1,2,3,1e10"]


def test_a_catalog_in_its_own_units_is_taken(tmp_path):
    check_catalog(catalog(tmp_path / "h.csv", GOOD), 25.0, 0.3)
    with_radius = [f"{row},{r}" for row, r in zip(GOOD, (0.44, 1.9, 0.02), strict=True)]
    columns = "x,y,z,mass,radius"
    check_catalog(catalog(tmp_path / "h.csv", with_radius, columns=columns), 25.0, 0.3)
    check_catalog(catalog(tmp_path / "h.csv", ["0,0,0,2e13"]), 25.0, 0.3)  # one halo at the origin
    check_catalog(catalog(tmp_path / "h.csv", ["1,2,3,1e10"]), 25.0, 0.3)  # none is heavy enough


def test_a_halo_heavier_than_the_matter_of_the_box_is_refused(tmp_path):
    found = catalog(tmp_path / "h.csv", GOOD, HEAVY)
    with pytest.raises(CatalogError) as caught:
        check_catalog(found, 25.0, 0.3)
    assert str(caught.value) == (
        f"{tmp_path / 'h.csv'}: M200c of group 1 is 5e+24 Msun/h, all matter of the box of 25 "
        "Mpc/h is 1.301e+15; is the unit of mass right (source.catalog_units)?"
    )


@pytest.mark.parametrize(("radius", "units"), [(0.44, KPC), (440, MPC), (4, MPC)])
def test_a_radius_that_is_not_that_of_the_mass_is_refused(tmp_path, radius, units):
    columns = "x,y,z,mass,radius"
    found = catalog(tmp_path / "h.csv", [f"12,4,21,2e13,{radius}"], units, columns)
    with pytest.raises(CatalogError, match=r"R200c of group 0 is .*length and mass right"):
        check_catalog(found, 25.0)


def test_haloes_that_are_all_in_one_corner_are_refused(tmp_path):
    found = catalog(tmp_path / "h.csv", GOOD, KPC)
    with pytest.raises(CatalogError, match=r"all 2 haloes lie within 0\.021 Mpc/h of the origin"):
        check_catalog(found, 25.0)


@pytest.fixture
def tree(tmp_path):
    """A copy of the miniature simulation."""
    return shutil.copytree(TINY, tmp_path / "tree")


def fof_of(tree):
    return tree / "FOF" / f"SB35_{SIM}" / "fof_subhalo_tab_090.hdf5"


def scale(path, name, factor):
    with h5py.File(path, "r+") as file:
        file[name][...] = file[name][...] * np.float32(factor)


@pytest.mark.parametrize(
    ("name", "factor", "message"),
    [
        ("Group/Group_M_Crit200", 1e10, "M200c of group 0 is .* in the file right"),
        ("Group/Group_R_Crit200", 1e-3, "R200c of group 0 is"),
        ("Group/GroupPos", 1e-5, "all 3 haloes lie within"),
    ],
)
def test_a_job_refuses_a_catalog_in_other_units_before_any_map(
    tree, tmp_path, name, factor, message
):
    scale(fof_of(tree), name, factor)
    with pytest.raises(SimlabError, match=message):
        make_shard(tmp_path / "made", inputs=tiny_inputs(tree))
    assert not list((tmp_path / "made").rglob("*.npz"))


def test_a_job_refuses_particles_in_other_units_before_any_map(tree, tmp_path):
    scale(tree / "DMO" / f"SB35_{SIM}" / "snap_090.hdf5", "PartType1/Coordinates", 1e-3)
    with pytest.raises(SnapshotError, match=r"Coordinates reach to 0\.05 Mpc/h in a box of 50"):
        make_shard(tmp_path / "made", inputs=tiny_inputs(tree))
    assert not list((tmp_path / "made").rglob("*.npz"))


def test_first_and_last_particles_in_a_corner_are_no_proof(tmp_path):
    places = np.full((3, 3), 1.0, np.float32)
    path = snapshot_file(tmp_path / "a.hdf5", {1: {"Coordinates": places}})
    snapshot = open_snapshot(path)
    with pytest.raises(SnapshotError, match=r"1 code length = 0\.001 Mpc/h"):
        check_places(snapshot, fingerprint(snapshot))
    places[1] = 40000
    path = snapshot_file(tmp_path / "b.hdf5", {1: {"Coordinates": places}})
    snapshot = open_snapshot(path)
    check_places(snapshot, fingerprint(snapshot))


def test_chunks_without_dark_matter_tell_no_place(tmp_path):
    far = np.full((2, 3), 30000, np.float32)
    parts = [{4: {"Coordinates": far, "Masses": far[:, 0]}}, {1: {"Coordinates": far}}]
    chunked_snapshot(tmp_path, parts)
    snapshot = open_snapshot(tmp_path)
    check_places(snapshot, fingerprint(snapshot))


# What the plan tells


def of_tree(tree, **changes):
    bases = {"nbody_base": "DMO", "hydro_base": "Hydro", "fof_nbody_base": "FOF"}
    source = {"kind": "camels", **{key: str(tree / name) for key, name in bases.items()}}
    return tiny_dataset(source=source, **changes)


def test_the_plan_tells_of_a_catalog_of_another_box(tree):
    assert plan.estimate("x", of_tree(tree)).notes == ()
    (note,) = plan.estimate("x", of_tree(tree, maps={"resolution": 16, "box_size": 100})).notes
    assert note == f"{fof_of(tree)}: the box is 50 Mpc/h, maps.box_size 100"
    scale(fof_of(tree), "Group/Group_M_Crit200", 1e10)
    cost = plan.estimate("x", of_tree(tree))
    assert "M200c of group 0" in cost.notes[0]
    assert cost.details.endswith("(estimated)")


def test_the_plan_tells_of_a_text_catalog_without_a_column(tree):
    fof_of(tree).unlink()
    (tree / "FOF" / f"SB35_{SIM}" / "h.csv").write_text("x,y,mass\n1,2,1e14\n")
    dataset = of_tree(tree)
    source = dataset.source.model_dump() | {"catalog_format": "csv", "catalog_units": MPC}
    (note,) = plan.estimate("x", tiny_dataset(source=source)).notes
    assert "h.csv: no column z" in note


def test_the_plan_tells_that_no_halo_is_heavy_enough(tree):
    cost = plan.estimate("x", of_tree(tree, haloes={"mass_threshold": 1e16}))
    assert cost.samples == 0
    assert cost.details.endswith("0 haloes (counted)")
    with h5py.File(fof_of(tree)) as file:
        heaviest = float(file["Group/Group_M_Crit200"][...].max()) * 1e10
    assert cost.notes == (
        f"no halo above haloes.mass_threshold 1e+16 Msun/h: the heaviest has {heaviest:.4g}",
    )
