import json
import warnings

import h5py
import hdf5plugin
import numpy as np
import pytest
from halo_files import chunked_snapshot, dark, heavy, positions, snapshot_file

from simlab.halo.files import columns
from simlab.halo.files.hdf5 import blocks
from simlab.halo.files.headers import open_snapshot
from simlab.halo.files.snapshots import (
    fingerprint,
    iter_particles,
    load_dmo_particles,
    load_hydro_particles,
)

HYDRO = ("hydro_dm_pos", "hydro_dm_mass", "gas_pos", "gas_mass", "star_pos", "star_mass")


@pytest.fixture
def tiny(data):
    return data / "halo" / "camels_tiny"


def expected(array, name, reference):
    """Compare an array with sums and ends that the original's loader gave."""
    assert array.shape == tuple(reference[f"{name}_shape"])
    assert array.sum(dtype=np.float64) == pytest.approx(float(reference[f"{name}_sum"]), rel=1e-6)
    for place, rows in (("head", array[:5]), ("tail", array[-5:])):
        assert rows == pytest.approx(reference[f"{name}_{place}"], rel=1e-6)


def test_dark_matter_is_what_the_original_loads(tiny):
    with np.load(tiny / "expected_loading.npz") as reference:
        position, mass = load_dmo_particles(tiny / "DMO" / "SB35_7")
        expected(position, "dm_pos", reference)
        expected(mass, "dm_mass", reference)
    assert position.dtype == np.float32


def test_hydrodynamic_species_are_what_the_original_loads(tiny):
    arrays = load_hydro_particles(tiny / "Hydro" / "SB35_7")
    with np.load(tiny / "expected_loading.npz") as reference:
        for name, array in zip(HYDRO, arrays, strict=True):
            expected(array, name, reference)
    assert [array.dtype.name for array in arrays] == [
        *("float32", "float64", "float32", "float32", "float32", "float32")
    ]


def test_float64_keeps_the_precision_of_the_file(tiny):
    gas = load_hydro_particles(tiny / "Hydro" / "SB35_7", dtype=np.float64)[2]
    with np.load(tiny / "expected_loading.npz") as reference:
        assert gas[:5] == pytest.approx(reference["gas_pos_head"], rel=1e-15)
    assert gas.dtype == np.float64


def test_uniform_masses_are_a_view_without_memory(tiny):
    _, mass = load_dmo_particles(tiny / "DMO" / "SB35_7")
    assert mass.strides == (0,)
    assert mass.dtype == np.float64
    assert mass[0] == pytest.approx(495.414443221125e10, rel=1e-15)
    assert not mass.flags.writeable


@pytest.mark.parametrize("kind", [0, 1, 4])
def test_streamed_chunks_join_to_the_loaded_arrays(tiny, kind):
    arrays = load_hydro_particles(tiny / "Hydro" / "SB35_7")
    whole = {1: arrays[:2], 0: arrays[2:4], 4: arrays[4:]}[kind]
    chunks = list(iter_particles(tiny / "Hydro" / "SB35_7", kind, chunk_particles=137))
    assert np.array_equal(np.concatenate([p for p, _ in chunks]), whole[0])
    assert np.array_equal(np.concatenate([m for _, m in chunks]), whole[1])


def test_a_chunk_never_spans_two_files_and_is_never_empty(tiny):
    snapshot = open_snapshot(tiny / "Hydro" / "SB35_7")
    lengths = [len(p) for p, _ in iter_particles(snapshot, 1, chunk_particles=500)]
    assert lengths == [500, 500, 200, 500, 500, 50, 500, 250]
    stars = [len(m) for _, m in iter_particles(snapshot, 4, chunk_particles=10**6)]
    assert stars == [120, 180]  # the second file holds none


def test_chunks_are_joined_in_numeric_order(tmp_path):
    parts = [{1: dark(5, seed=index)} for index in range(12)]
    chunked_snapshot(tmp_path / "snapdir_090", parts)
    position, _ = load_dmo_particles(tmp_path)
    order = np.concatenate([part[1]["Coordinates"] for part in parts])
    assert position == pytest.approx(order * 1e-3, rel=1e-6)


def test_positions_are_converted_in_float64_and_rounded_once(tmp_path):
    rows = 2 * columns.BLOCK_ROWS + 77
    stored = positions(rows)
    path = snapshot_file(tmp_path / "a.hdf5", {1: {"Coordinates": stored}})
    position, _ = load_dmo_particles(path)
    assert np.array_equal(position, (stored.astype(np.float64) * 1e-3).astype(np.float32))
    precise, _ = load_dmo_particles(path, dtype=np.float64)
    assert np.array_equal(precise, stored.astype(np.float64) * 1e-3)


@pytest.mark.parametrize("stored", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_positions_outside_the_box_are_wrapped_and_the_side_is_zero(tmp_path, stored, dtype):
    given = np.array(
        [[50000, 0, -0.0], [-12500, 62500, 150000], [49999.9999999, -1e-30, 25]], stored
    )
    path = snapshot_file(tmp_path / "a.hdf5", {1: {"Coordinates": given}})
    position, _ = load_dmo_particles(path, dtype=dtype)
    assert (position >= 0).all()
    assert (position < 50).all()
    wrapped = np.mod(given.astype(np.float64) * 1e-3, 50.0)
    distance = abs(position - wrapped)
    assert np.minimum(distance, 50 - distance).max() < 5e-6
    assert position[0].tolist() == [0, 0, 0]
    assert position[1].tolist() == [37.5, 12.5, 0]
    if dtype == np.float32:
        assert position[2, 0] == 0  # 49.9999999999 rounds to the side


def test_units_come_from_header_then_parameters_then_kpc(tmp_path):
    given = {1: {"Coordinates": np.array([[25.0, 1, 2]], np.float32), "Masses": np.ones(1)}}
    mpc = {"UnitLength_in_cm": 3.085678e24, "UnitMass_in_g": 1.989e43}
    gadget = {"BoxSize": 50.0, **mpc}
    cases = {
        "absent": snapshot_file(tmp_path / "absent.hdf5", given),
        "header": snapshot_file(tmp_path / "header.hdf5", given, **gadget),
        "parameters": snapshot_file(
            tmp_path / "parameters.hdf5",
            given,
            parameters={**gadget, "Omega0": 0.42, "HubbleParam": 0.7},
            drop=("BoxSize", "Omega0"),
        ),
        "solar": snapshot_file(tmp_path / "solar.hdf5", given, UnitMass_in_g=1.989e33),
    }
    found = {name: open_snapshot(path) for name, path in cases.items()}
    assert [found[name].length_factor for name in cases] == [1e-3, 1, 1, 1e-3]
    assert [found[name].mass_factor for name in cases] == [1e10, 1e10, 1e10, 1]
    assert [found[name].box_size for name in cases] == [50] * 4
    assert (found["parameters"].omega0, found["parameters"].hubble) == (0.42, 0.7)
    position, mass = load_dmo_particles(cases["parameters"])
    assert position.tolist() == [[25, 1, 2]]
    assert mass.tolist() == [np.float32(1e10)]


def test_the_header_is_asked_before_the_parameters(tmp_path):
    path = snapshot_file(tmp_path / "a.hdf5", Omega0=0.3, parameters={"Omega0": 0.4, "Time": 0.5})
    snapshot = open_snapshot(path)
    assert (snapshot.omega0, snapshot.time) == (0.3, 0.5)


def test_unit_factors_are_rounded_to_1e12_and_no_more(tmp_path):
    odd = snapshot_file(tmp_path / "odd.hdf5", UnitLength_in_cm=3.085678e24 * 0.013)
    assert open_snapshot(odd).length_factor == 0.013
    older = snapshot_file(tmp_path / "older.hdf5", UnitLength_in_cm=3.08568e21)
    assert open_snapshot(older).length_factor == pytest.approx(3.08568 / 3085.678, rel=2e-12)


def test_masses_are_converted_in_float64_and_rounded_once(tmp_path):
    gas = heavy(3000)
    gas["Masses"] /= np.float32(7)
    path = snapshot_file(tmp_path / "a.hdf5", {1: gas}, UnitMass_in_g=1.989e33 * 1.2345678e10)
    _, mass = load_dmo_particles(path)
    assert np.array_equal(mass, (gas["Masses"].astype(np.float64) * 1.2345678e10).astype("f4"))


@pytest.mark.parametrize("value", [-100.0, 50100.0, -1e-30])
def test_one_side_of_the_box_is_wrapped_without_the_other(tmp_path, value):
    stored = np.array([[value, 1000, 2000]], np.float64)
    position, _ = load_dmo_particles(
        snapshot_file(tmp_path / "a.hdf5", {1: {"Coordinates": stored}})
    )
    expected = {-100.0: 49.9, 50100.0: 0.1, -1e-30: 0}[value]
    assert position[0] == pytest.approx([expected, 1, 2], rel=1e-6)


def test_blocks_end_where_compressed_chunks_end(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        data = file.create_dataset("x", (90000, 3), "f4", chunks=(7000, 3))
        spans = list(blocks(data, 1000, 80000, 20000))
        assert spans[0] == (1000, 14000)
        assert [first for first, _ in spans[1:]] == [last for _, last in spans[:-1]]
        assert all(last % 7000 == 0 for _, last in spans[:-1])
        assert spans[-1][1] == 80000
        plain = file.create_dataset("y", (90000, 3), "f4")
        assert [b - a for a, b in blocks(plain, 0, 90000, 20000)] == [20000] * 4 + [10000]


def test_the_unit_is_never_guessed_from_the_values(tmp_path):
    small = {1: {"Coordinates": positions(10, side=40)}}
    position, _ = load_dmo_particles(snapshot_file(tmp_path / "a.hdf5", small))
    assert position.max() < 0.04  # 40 kpc in a corner of the box


def test_masses_of_their_own_win_over_the_mass_table(tmp_path):
    path = snapshot_file(tmp_path / "a.hdf5", {1: heavy(6)})
    _, mass = load_dmo_particles(path)
    assert mass.dtype == np.float32
    assert mass.tolist() == [np.float32(index * 1e10) for index in range(1, 7)]


def test_masses_may_be_in_one_file_and_in_the_table_of_another(tmp_path):
    chunked_snapshot(tmp_path / "snapdir_090", [{1: heavy(2)}, {1: dark(3)}])
    _, mass = load_dmo_particles(tmp_path)
    assert mass == pytest.approx([1e10, 2e10, 5e12, 5e12, 5e12], rel=1e-7)


def test_a_particle_of_mass_zero_is_legal(tmp_path):
    path = snapshot_file(tmp_path / "a.hdf5", {1: {**dark(3), "Masses": np.zeros(3, np.float32)}})
    assert load_dmo_particles(path)[1].tolist() == [0, 0, 0]


def test_a_run_without_gas_and_stars_gives_empty_arrays(tmp_path):
    arrays = load_hydro_particles(snapshot_file(tmp_path / "a.hdf5", {1: dark(4)}))
    assert [array.shape for array in arrays] == [(4, 3), (4,), (0, 3), (0,), (0, 3), (0,)]
    assert list(iter_particles(tmp_path / "a.hdf5", 4)) == []


def test_wind_is_left_out_only_when_asked_for(tmp_path):
    birth = np.array([0.5, -0.2, 0.0, 0.9], np.float32)
    stars = {**heavy(4), "GFM_StellarFormationTime": birth}
    chunked_snapshot(tmp_path / "snapdir_090", [{1: dark(2), 4: stars}, {1: dark(1)}])
    everything = load_hydro_particles(tmp_path)
    assert len(everything[4]) == 4
    kept = load_hydro_particles(tmp_path, exclude_wind=True)
    assert np.array_equal(kept[4], everything[4][[0, 3]])
    assert kept[5].tolist() == everything[5][[0, 3]].tolist()
    streamed = list(iter_particles(tmp_path, 4, chunk_particles=2, exclude_wind=True))
    assert [mass.tolist() for _, mass in streamed] == [[1e10], [np.float32(4e10)]]
    single = list(iter_particles(tmp_path, 4, chunk_particles=1, exclude_wind=True))
    assert [len(mass) for _, mass in single] == [1, 1]  # none for the wind between them


def test_types_that_are_not_asked_for_are_never_opened(tmp_path, monkeypatch):
    types = {1: dark(3), 3: {"Anything": np.zeros(5)}, 5: {"Coordinates": positions(2)}}
    path = snapshot_file(tmp_path / "a.hdf5", types)
    opened = []
    access = h5py.Group.__getitem__
    monkeypatch.setattr(
        h5py.Group, "__getitem__", lambda self, name: (opened.append(name), access(self, name))[1]
    )
    load_hydro_particles(path)
    assert "PartType1" in opened
    assert not {"PartType3", "PartType5"} & set(opened)


def test_a_sub_box_with_tracers_and_empty_chunks_loads(tmp_path):
    tracers = {"ParentID": np.arange(7)}
    parts = [{1: dark(4), 0: heavy(3), 3: tracers}, {}, {0: heavy(2), 3: tracers}, {1: dark(5)}]
    files = chunked_snapshot(tmp_path / "snapdir_090", parts)
    snapshot = open_snapshot(tmp_path)
    assert snapshot.counts == (5, 9, 0, 14, 0, 0)
    arrays = load_hydro_particles(tmp_path)
    assert [len(array) for array in arrays] == [9, 9, 5, 5, 0, 0]
    files[1].unlink()
    with pytest.warns(UserWarning, match="chunk 1 of 4 missing"):
        assert open_snapshot(tmp_path, allow_missing_chunks=True).missing_chunks == (1,)


def test_a_lost_chunk_is_one_warning_when_it_is_allowed(tmp_path):
    files = chunked_snapshot(tmp_path / "snapdir_090", [{1: dark(3, seed)} for seed in range(3)])
    files[0].unlink()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        arrays = load_hydro_particles(tmp_path, allow_missing_chunks=True)
    assert len(arrays[0]) == 6
    assert [str(warning.message) for warning in caught] == [
        f"{tmp_path / 'snapdir_090'}: chunk 0 of 3 missing"
    ]


def test_more_than_2_32_particles_are_counted_by_the_high_word(tmp_path):
    most = 2**31 - 1
    for index in range(3):
        snapshot_file(
            tmp_path / f"snap_090.{index}.hdf5",
            {},
            chunks=3,
            NumPart_ThisFile=np.array([0, most, 0, 0, 0, 0], np.int32),
            NumPart_Total=np.array([0, 3 * most - 2**32, 0, 0, 0, 0], np.uint32),
            NumPart_Total_HighWord=np.array([0, 1, 0, 0, 0, 0], np.uint32),
        )
    snapshot = open_snapshot(tmp_path)
    assert snapshot.counts[1] == snapshot.total[1] == 3 * most > 2**32


def test_blosc_and_odd_chunks_read_as_contiguous_data(tmp_path):
    stored = positions(90000)
    path = snapshot_file(tmp_path / "a.hdf5", {1: {"Coordinates": stored}})
    plain, _ = load_dmo_particles(path)
    with h5py.File(path, "r+") as file:
        del file["PartType1/Coordinates"]
        file["PartType1"].create_dataset(
            "Coordinates", data=stored, chunks=(41000, 3), **hdf5plugin.Blosc(cname="zstd")
        )
    packed = np.concatenate([p for p, _ in iter_particles(path, 1, chunk_particles=50000)])
    assert np.array_equal(packed, plain)


def test_the_fingerprint_tells_files_apart_and_is_plain_json(tmp_path, tiny):
    entries = fingerprint(open_snapshot(tiny / "Hydro" / "SB35_7"))
    assert [entry["file"] for entry in entries] == [f"snap_090.{index}.hdf5" for index in range(3)]
    assert entries[1]["counts"] == [910, 1050, 0, 0, 0, 0]
    assert set(entries[1]["first"]) == {"0", "1"}
    assert json.loads(json.dumps(entries)) == entries
    given = {1: {"Coordinates": positions(9, seed=1)}}
    before = fingerprint(open_snapshot(snapshot_file(tmp_path / "a.hdf5", given)))
    given[1]["Coordinates"][-1, 2] += 1
    after = fingerprint(open_snapshot(snapshot_file(tmp_path / "a.hdf5", given)))
    assert before != after
    assert before[0]["first"] == after[0]["first"]
