import h5py
import numpy as np
import pytest
from halo_files import catalog_file

from simlab.core.errors import ConfigError
from simlab.halo.errors import CatalogError, MissingCatalogError
from simlab.halo.files.catalogs import (
    load_halo_catalog,
    load_halos,
    places_in_box,
)

KPC = {"length": "kpc/h", "mass": "1e10Msun/h"}
MPC = {"length": "Mpc/h", "mass": "Msun/h"}


def refused(match, call, *arguments, **options):
    """The error of a call, which is one line."""
    with pytest.raises(CatalogError, match=match) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)


def chunked_catalog(folder, parts):
    total = sum(len(part) for part in parts)
    return [
        catalog_file(
            folder / f"fof_subhalo_tab_090.{index}.hdf5", part, total=total, files=len(parts)
        )
        for index, part in enumerate(parts)
    ]


def text(path, content):
    path.write_text(content)
    return path


def test_haloes_are_what_the_original_loads(data):
    tiny = data / "halo" / "camels_tiny"
    catalog = load_halo_catalog(tiny / "FOF" / "SB35_7")
    with np.load(tiny / "expected_loading.npz") as reference:
        assert catalog["pos"] == pytest.approx(reference["halo_pos"], rel=1e-6)
        assert catalog["mass"] == pytest.approx(reference["halo_mass"], rel=1e-6)
        assert catalog["r200"] == pytest.approx(reference["halo_r200"], rel=1e-6)
    assert (catalog["n_groups"], catalog["box_size"]) == (9, 50)
    assert [catalog[key].dtype.name for key in ("pos", "mass", "r200", "group_index")] == [
        *("float64", "float64", "float64", "int64")
    ]
    position, mass = load_halos(tiny / "FOF" / "SB35_7")
    assert np.array_equal(position, catalog["pos"])
    assert np.array_equal(mass, catalog["mass"])


def test_haloes_keep_the_order_of_the_catalog_and_know_their_row(tmp_path):
    path = catalog_file(tmp_path / "a.hdf5", [2000, 10, 9000, 0, 1500])
    catalog = load_halo_catalog(path)
    assert catalog["group_index"].tolist() == [0, 2, 4]
    assert catalog["mass"].tolist() == [2e13, 9e13, 1.5e13]


def test_a_halo_of_exactly_the_threshold_is_left_out(tmp_path):
    above = np.nextafter(np.float32(1000), np.float32(2000))
    path = catalog_file(tmp_path / "a.hdf5", [1000, above])
    assert load_halo_catalog(path)["group_index"].tolist() == [1]
    # 1000 * 1e10 in float32 is below 1e13; in float64 it is above this threshold.
    assert len(load_halos(path, 9.9999999e12)[1]) == 2


def test_selection_goes_by_m200_not_by_the_fof_mass(tmp_path):
    path = catalog_file(tmp_path / "a.hdf5", [900])  # GroupMass 1035
    assert len(load_halos(path)[0]) == 0


def test_no_halo_above_the_threshold_is_no_error(tmp_path):
    position, mass = load_halos(catalog_file(tmp_path / "a.hdf5", [5, 0, 3]))
    assert (position.shape, mass.shape) == ((0, 3), (0,))
    assert load_halos(catalog_file(tmp_path / "none.hdf5", []))[0].shape == (0, 3)


def test_positions_are_wrapped_into_the_box(tmp_path):
    path = catalog_file(tmp_path / "a.hdf5", [2000, 3000])
    with h5py.File(path, "r+") as file:
        file["Group/GroupPos"][...] = [[50000, -100, 60000], [-1e-30, 0, 49999]]
    position, _ = load_halos(path)
    assert position == pytest.approx(np.array([[0, 49.9, 10], [0, 0, 49.999]]), rel=1e-12)
    assert (position < 50).all()


def test_a_gadget_4_catalog_in_mpc_finds_its_units_in_parameters(tmp_path):
    units = {"UnitLength_in_cm": 3.085678e24, "UnitMass_in_g": 1.989e43, "Omega0": 0.31}
    path = catalog_file(
        tmp_path / "fof_subhalo_tab_090.hdf5",
        [2000],
        parameters={**units, "BoxSize": 50.0, "HubbleParam": 0.68},
        drop=("BoxSize", "Omega0"),
    )
    with h5py.File(path, "r+") as file:
        file["Group/GroupPos"][...] = [[12.5, 49, 51]]
        file["Group/Group_R_Crit200"][...] = [0.44]
    catalog = load_halo_catalog(tmp_path)
    assert catalog["pos"].tolist() == [[12.5, 49, 1]]
    assert catalog["mass"].tolist() == [2e13]
    assert catalog["r200"] == pytest.approx([0.44], rel=1e-6)
    assert (catalog["box_size"], catalog["omega0"]) == (50, 0.31)


def test_chunks_are_joined_in_numeric_order_and_may_be_empty(tmp_path):
    parts = [[1000 + index, 5] for index in range(1, 11)] + [[]]
    chunked_catalog(tmp_path / "groups_090", parts)
    catalog = load_halo_catalog(tmp_path)
    assert catalog["mass"].tolist() == [(1000 + index) * 1e10 for index in range(1, 11)]
    assert catalog["group_index"].tolist() == list(range(0, 20, 2))
    assert [entry["groups"] for entry in catalog["fingerprint"]] == [2] * 10 + [0]


def test_one_piece_of_a_larger_catalog_lists_what_is_missing(tmp_path):
    piece = catalog_file(
        tmp_path / "fof_subhalo_tab_090.19.hdf5", [2000, 3000], total=400, files=20
    )
    refused("missing chunks 0-18 of 20", load_halos, piece)
    refused("missing chunks 0-18 of 20", load_halos, tmp_path)
    with pytest.warns(UserWarning, match="missing chunks 0-18 of 20"):
        catalog = load_halo_catalog(piece, allow_missing_chunks=True)
    assert catalog["group_index"].tolist() == [0, 1]
    assert catalog["missing_chunks"] == tuple(range(19))


def test_counts_that_do_not_add_up_are_an_error(tmp_path):
    path = catalog_file(tmp_path / "a.hdf5", [2000], total=2)
    refused(r"a\.hdf5: Ngroups_Total is 2, Ngroups_ThisFile adds up to 1", load_halos, path)
    piece = catalog_file(tmp_path / "p.1.hdf5", [2000, 3000], total=1, files=2)
    with pytest.warns(UserWarning, match="chunk 0 of 2"):
        refused("is 1, .* adds up to 2", load_halos, piece, allow_missing_chunks=True)
    extra = chunked_catalog(tmp_path / "c", [[1], [2]])
    extra[0].rename(extra[0].with_name("fof_subhalo_tab_090.2.hdf5"))
    refused("chunk 2 is there, but NumFiles is 2", load_halos, extra[1])


def test_chunks_of_different_boxes_are_an_error(tmp_path):
    paths = chunked_catalog(tmp_path, [[1], [2]])
    with h5py.File(paths[1], "r+") as file:
        file["Header"].attrs["BoxSize"] = 25000.0
    refused(r"090\.1\.hdf5: box_size is 25\.0, fof_subhalo_tab_090\.0", load_halos, tmp_path)


@pytest.mark.parametrize("name", ["GroupPos", "Group_M_Crit200", "Group_R_Crit200"])
def test_a_missing_dataset_is_named_beside_those_present(tmp_path, name):
    path = catalog_file(tmp_path / "a.hdf5", [2000], drop=(name,))
    refused(rf"a\.hdf5: no dataset Group/{name}; found .*GroupMass", load_halo_catalog, path)


def test_a_dataset_of_another_length_is_an_error(tmp_path):
    path = catalog_file(
        tmp_path / "a.hdf5", [2000, 3000], Ngroups_ThisFile=np.int32(3), Ngroups_Total=np.int32(3)
    )
    refused(r"a\.hdf5: Group/GroupPos has the shape \(2, 3\)", load_halos, path)


def test_groups_that_are_no_numbers_are_named(tmp_path):
    path = catalog_file(tmp_path / "a.hdf5", [2000, np.nan])
    refused(r"a\.hdf5: mass of group 1 is nan", load_halos, path)
    path = catalog_file(tmp_path / "b.hdf5", [1, 2000])
    with h5py.File(path, "r+") as file:
        file["Group/GroupPos"][1, 2] = np.inf
    refused(r"b\.hdf5: position of group 1 is .*inf", load_halos, path)


def test_a_missing_or_broken_file_is_never_an_empty_catalog(tmp_path):
    with pytest.raises(FileNotFoundError, match="fof_subhalo_tab_090"):
        load_halos(tmp_path)
    with pytest.raises(MissingCatalogError, match=r"gone\.hdf5"):
        load_halos(tmp_path / "gone.hdf5")
    path = catalog_file(tmp_path / "a.hdf5", np.full(500, 2000))
    path.write_bytes(path.read_bytes()[:5000])
    refused(r"a\.hdf5: not an HDF5 file, or truncated", load_halos, path)
    refused(r"b\.hdf5: not an HDF5 file", load_halos, text(tmp_path / "b.hdf5", "x"))


def test_a_csv_catalog_is_read_in_the_units_that_are_given(tmp_path):
    path = text(tmp_path / "h.csv", "id,mass,x,y,z,radius\n7,2000,1000,2000,3000,400\n8,5,1,1,1,1")
    catalog = load_halo_catalog(path, units=KPC)
    assert catalog["pos"].tolist() == [[1, 2, 3]]
    assert catalog["mass"].tolist() == [2e13]
    assert catalog["r200"].tolist() == [0.4]
    assert catalog["group_index"].tolist() == [0]
    assert (catalog["n_groups"], catalog["box_size"], catalog["omega0"]) == (2, None, None)
    assert len(load_halos(path, 1, units=MPC)[0]) == 2


def test_a_radius_that_is_not_given_follows_from_the_mass(tmp_path):
    path = text(tmp_path / "h.csv", "x,y,z,mass\n1,2,3,1.5e13\n")
    r200 = load_halo_catalog(path, units=MPC)["r200"][0]
    assert 200 * 2.77536627e11 * 4 / 3 * np.pi * r200**3 == pytest.approx(1.5e13, rel=1e-12)


@pytest.mark.parametrize("threshold", [np.nan, np.inf])
def test_a_threshold_that_is_no_number_is_refused(tmp_path, threshold):
    path = catalog_file(tmp_path / "a.hdf5", [2000])
    for call in (load_halos, load_halo_catalog):
        with pytest.raises(ConfigError, match=f"mass_threshold is {threshold}"):
            call(path, threshold)


def test_positions_of_a_catalog_without_a_box_are_placed_in_that_of_the_snapshot(tmp_path):
    rows = "50,-1e-20,-0.4\n50.4,3,49.9999\n"
    path = text(tmp_path / "h.csv", "mass,x,y,z\n1e14," + rows.replace("\n", "\n1e14,", 1))
    found = places_in_box(load_halo_catalog(path, units=MPC), 50.0)
    assert found == pytest.approx(np.array([[0, 0, 49.6], [0.4, 3, 49.9999]]), rel=1e-12)
    assert (found < 50).all()


@pytest.mark.parametrize("place", ["25000,100,3", "1,2,-0.6", "1,50.6,2"])
def test_a_catalog_without_a_box_that_reaches_far_beyond_it_is_refused(tmp_path, place):
    path = text(tmp_path / "h.csv", f"x,y,z,mass\n1,1,1,1\n1,2,3,1e14\n{place},1e14\n")
    catalog = load_halo_catalog(path, units=MPC)
    refused(r"h\.csv: position of group 2 is .*catalog_units", places_in_box, catalog, 50.0)


def test_a_csv_catalog_without_units_is_refused(tmp_path):
    path = text(tmp_path / "h.csv", "x,y,z,mass\n1,2,3,1e14\n")
    refused(r"h\.csv: a csv catalog needs units", load_halos, path)
    refused("unit of length is 'pc'", load_halos, path, units={"length": "pc", "mass": "Msun/h"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x,y,mass\n1,2,3\n", "no column z"),
        ("x,y,z,Mass\n1,2,3,4\n", "no column mass, did you mean Mass"),
        ("x,y,z,mass\n1,2,3,1e14\n1,2,three,4\n", "data row 1: z is 'three'"),
        ("x,y,z,mass\n1,2,3,nan\n", "data row 0: mass is 'nan'"),
        ("x,y,z,mass\n1,2,3\n", "line 2 has 3 cells"),
        ("", "empty"),
    ],
)
def test_what_is_wrong_in_a_csv_catalog_is_named(tmp_path, content, message):
    path = text(tmp_path / "h.csv", content)
    refused(rf"h\.csv: .*{message}", load_halos, path, units=MPC)


ROCKSTAR = """#ID Mvir X Y Z VX M200c R200c
#a = 1.0
#Box size: 50.000000 Mpc/h
12 3e13 1.5 50.5 49 100 2e13 440
13 3e12 1 2 3 100 2e12 200
14 5e13 9 8 7 100 4e13 554
"""


def test_a_rockstar_list_is_read_by_the_names_of_its_first_line(tmp_path):
    catalog = load_halo_catalog(text(tmp_path / "out_90.list", ROCKSTAR))
    assert catalog["pos"].tolist() == [[1.5, 0.5, 49], [9, 8, 7]]
    assert catalog["mass"].tolist() == [2e13, 4e13]
    assert catalog["r200"] == pytest.approx([0.44, 0.554], rel=1e-12)
    assert catalog["group_index"].tolist() == [0, 2]
    assert (catalog["n_groups"], catalog["box_size"]) == (3, 50)


def test_numbered_columns_of_merger_trees_are_understood(tmp_path):
    tree = "#scale(0) x(1) y(2) z(3) M200c(4)\n1 1 2 3 2e13\n"
    catalog = load_halo_catalog(text(tmp_path / "hlist.list", tree))
    assert catalog["pos"].tolist() == [[1, 2, 3]]
    assert catalog["r200"] == pytest.approx([0.4415], rel=1e-3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ROCKSTAR.replace("M200c", "M500c"), "no column m200c"),
        (ROCKSTAR.replace("4e13", "n/a"), "data row 2: m200c is 'n/a'"),
        (ROCKSTAR.replace(" 554", ""), "data row 2 has 7 cells, the header names 8"),
        ("12 1 2 3\n", "no first line with #"),
    ],
)
def test_what_is_wrong_in_a_rockstar_list_is_named(tmp_path, content, message):
    refused(rf"h\.list: {message}", load_halos, text(tmp_path / "h.list", content))
