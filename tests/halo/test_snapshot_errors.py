import shutil
import subprocess
import sys

import h5py
import hdf5plugin
import numpy as np
import pytest
from halo_files import catalog_file, chunked_snapshot, dark, heavy, positions, snapshot_file

from simlab.core.errors import ConfigError
from simlab.halo.errors import SnapshotError
from simlab.halo.files.catalogs import load_halo_catalog
from simlab.halo.files.headers import check_pair, open_snapshot
from simlab.halo.files.snapshots import (
    iter_particles,
    load_dmo_particles,
    load_hydro_particles,
)


@pytest.fixture
def chunks(tmp_path):
    """Eleven files with three particles each."""
    parts = [{1: dark(3, seed)} for seed in range(11)]
    return chunked_snapshot(tmp_path / "snapdir_090", parts)


def refused(match, call, *arguments, **options):
    """The error of a call, which is one line."""
    with pytest.raises(SnapshotError, match=match) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_missing_chunks_are_listed_one_by_one(chunks):
    chunks[7].unlink()
    refused(r"snapdir_090: chunk 7 of 11 missing", open_snapshot, chunks[0])
    chunks[3].unlink()
    refused(r"chunks 3, 7 of 11 missing", load_dmo_particles, chunks[0].parent)
    refused(r"chunks 3, 7 of 11 missing", iter_particles, chunks[0].parent, 1)


def test_many_missing_chunks_are_listed_as_ranges(chunks):
    for path in (*chunks[:4], *chunks[5:10]):
        path.unlink()
    refused(r"chunks 0-3, 5-9 of 11 missing", open_snapshot, chunks[4])


def test_a_single_file_that_is_one_of_several_lacks_the_others(tmp_path):
    path = snapshot_file(tmp_path / "snap_090.hdf5", chunks=2)
    refused("chunk 1 of 2 missing", open_snapshot, path)


def test_a_chunk_beyond_the_number_of_files_is_an_error(chunks):
    shutil.copy(chunks[0], chunks[0].parent / "snap_090.11.hdf5")
    refused(
        r"snap_090\.11\.hdf5: chunk 11 is there, but NumFilesPerSnapshot is 11",
        open_snapshot,
        chunks[0],
        allow_missing_chunks=True,
    )


def test_counts_that_do_not_add_up_to_the_total_are_an_error(tmp_path):
    path = snapshot_file(tmp_path / "a.hdf5", total=[0, 11, 0, 0, 0, 0])
    refused(r"a\.hdf5: NumPart_Total of PartType1 is 11, .* adds up to 10", open_snapshot, path)
    refused("adds up to 10", open_snapshot, path, allow_missing_chunks=True)


def test_missing_chunks_explain_fewer_particles_but_never_more(chunks):
    chunks[2].unlink()
    with pytest.warns(UserWarning, match="chunk 2 of 11"):
        assert open_snapshot(chunks[0], allow_missing_chunks=True).counts[1] == 30
    for path in chunks[:2] + chunks[3:]:
        with h5py.File(path, "r+") as file:
            file["Header"].attrs["NumPart_Total"] = np.array([0, 29, 0, 0, 0, 0], np.uint32)
    with pytest.warns(UserWarning, match="chunk 2 of 11"):
        refused("is 29, .* adds up to 30", open_snapshot, chunks[0], allow_missing_chunks=True)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("Coordinates", positions(4), r"PartType1/Coordinates has the shape \(4, 3\)"),
        ("Coordinates", positions(3)[:, :2], r"PartType1/Coordinates has the shape \(3, 2\)"),
        ("Masses", np.ones(2, np.float32), r"PartType1/Masses has the shape \(2,\)"),
        ("Coordinates", np.ones((3, 3), np.int32), "no array of floating-point numbers"),
    ],
)
def test_datasets_of_another_length_or_type_are_an_error(tmp_path, name, array, message):
    counts = np.array([0, 3, 0, 0, 0, 0], np.int32)
    columns = {**dark(3), name: array}
    path = snapshot_file(
        tmp_path / "a.hdf5", {1: columns}, NumPart_ThisFile=counts, NumPart_Total=counts
    )
    refused(rf"a\.hdf5: .*{message}", load_dmo_particles, path)


@pytest.mark.parametrize(
    ("attribute", "value", "named"),
    [
        ("BoxSize", 25000.0, "box_size is 25.0, snap_090.0.hdf5 has 50.0"),
        ("MassTable", np.array([0, 501.0, 0, 0, 0, 0]), "mass_table is"),
        ("UnitLength_in_cm", 3.085678e24, "box_size is 50000.0|length_factor is 1.0"),
        ("Omega0", 0.4, "omega0 is 0.4"),
        ("NumFilesPerSnapshot", np.int32(12), "n_chunks is 12"),
        ("NumPart_Total", np.array([0, 34, 0, 0, 0, 0], np.uint32), r"total is \(0, 34,"),
    ],
)
def test_chunks_that_disagree_are_an_error(chunks, attribute, value, named):
    with h5py.File(chunks[4], "r+") as file:
        file["Header"].attrs[attribute] = value
    refused(rf"snap_090\.4\.hdf5: ({named})", open_snapshot, chunks[0])


def test_particles_without_any_mass_are_an_error(tmp_path):
    path = snapshot_file(tmp_path / "a.hdf5", {1: dark(2)}, MassTable=np.zeros(6))
    refused(r"a\.hdf5: no mass for PartType1", load_dmo_particles, path)
    refused(r"no mass for PartType1", iter_particles, path, 1)


def test_a_truncated_file_is_named(chunks):
    content = chunks[5].read_bytes()
    chunks[5].write_bytes(content[: len(content) // 2])
    refused(r"snap_090\.5\.hdf5: not an HDF5 file, or truncated", load_dmo_particles, chunks[0])


def test_runs_and_catalog_of_different_boxes_or_cosmologies_are_an_error(tmp_path):
    dmo = open_snapshot(snapshot_file(tmp_path / "dmo.hdf5"))
    close = open_snapshot(snapshot_file(tmp_path / "close.hdf5", Omega0=0.3 * (1 + 9e-7)))
    silent = open_snapshot(snapshot_file(tmp_path / "silent.hdf5", drop=("Omega0",)))
    check_pair(dmo, close, box_size=50 * (1 - 9e-7))
    check_pair(dmo, silent)
    wide = open_snapshot(snapshot_file(tmp_path / "wide.hdf5", BoxSize=50000.1))
    dense = open_snapshot(snapshot_file(tmp_path / "dense.hdf5", Omega0=0.300001))
    catalog = load_halo_catalog(catalog_file(tmp_path / "fof.hdf5", [5000], BoxSize=25000.0))
    other = load_halo_catalog(catalog_file(tmp_path / "other.hdf5", [5000], Omega0=0.2))
    refused(r"BoxSize.* is 50 in .*dmo\.hdf5 and 50\.0001 in .*wide", check_pair, dmo, wide)
    refused(r"Omega0 is 0\.3 in .*dmo\.hdf5 and 0\.300001 in .*dense", check_pair, dmo, dense)
    refused(r"BoxSize.* and 25 in .*fof\.hdf5", check_pair, dmo, dmo, catalog)
    refused(r"Omega0 .* and 0\.2 in .*other\.hdf5", check_pair, dmo, dmo, other)
    refused(r"and 25 in the configuration", check_pair, dmo, dmo, box_size=25.0)


def test_announced_particles_without_a_group_are_an_error(tmp_path):
    counts = np.array([5, 10, 0, 0, 2, 0], np.int32)
    path = snapshot_file(tmp_path / "a.hdf5", NumPart_ThisFile=counts, NumPart_Total=counts)
    refused(r"a\.hdf5: no group PartType0, NumPart_ThisFile announces 5", iter_particles, path, 0)
    refused(r"no group PartType4.* 2 particles", iter_particles, path, 4)
    assert len(load_dmo_particles(path)[0]) == 10


def test_a_group_without_coordinates_is_an_error(tmp_path):
    path = snapshot_file(tmp_path / "a.hdf5", {1: {"Velocities": positions(3)}})
    refused(r"a\.hdf5: no PartType1/Coordinates; found Velocities", load_dmo_particles, path)


def test_a_snapshot_without_dark_matter_is_an_error(tmp_path):
    path = snapshot_file(tmp_path / "a.hdf5", {0: heavy(3)})
    refused(r"a\.hdf5: no dark matter", load_hydro_particles, path)


def test_stars_cannot_be_told_from_wind_without_their_times(tmp_path):
    birth = np.ones(2, np.float32)
    with_times = {1: dark(1), 4: {**heavy(2), "GFM_StellarFormationTime": birth}}
    files = chunked_snapshot(tmp_path, [with_times, {1: dark(1), 4: heavy(3)}])
    refused(
        r"snap_090\.1\.hdf5: no PartType4/GFM_StellarFormationTime",
        load_hydro_particles,
        files[0],
        exclude_wind=True,
    )
    assert len(load_hydro_particles(files[0])[4]) == 5


def test_what_is_no_hdf5_or_has_no_header_is_named(tmp_path):
    text = tmp_path / "text.hdf5"
    text.write_text("no simulation")
    refused(r"text\.hdf5: not an HDF5 file", open_snapshot, text)
    bare = tmp_path / "bare.hdf5"
    with h5py.File(bare, "w") as file:
        file["PartType1/Coordinates"] = positions(3)
    refused(r"bare\.hdf5: no group Header; found PartType1", open_snapshot, bare)


@pytest.mark.parametrize("name", ["BoxSize", "MassTable", "NumPart_ThisFile", "NumPart_Total"])
def test_a_header_that_lacks_an_attribute_is_named(tmp_path, name):
    path = snapshot_file(tmp_path / "a.hdf5", drop=(name,))
    refused(rf"a\.hdf5: no attribute {name} in Header or Parameters", open_snapshot, path)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("BoxSize", 0.0),
        ("BoxSize", np.nan),
        ("UnitLength_in_cm", -1.0),
        ("NumPart_ThisFile", np.array([0, -1, 0, 0, 0, 0], np.int32)),
        ("MassTable", np.zeros(7)),
        ("NumFilesPerSnapshot", 0),
        ("Omega0", "many"),
    ],
)
def test_an_attribute_that_cannot_be_is_named(tmp_path, attribute, value):
    path = snapshot_file(tmp_path / "a.hdf5", **{attribute: value})
    refused(rf"a\.hdf5: {attribute} ", open_snapshot, path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 40000])
def test_positions_that_are_no_numbers_are_named_by_file_type_and_row(tmp_path, bad, row):
    stored = positions(50000)
    stored[row, 1] = bad
    path = snapshot_file(tmp_path / "a.hdf5", {1: {"Coordinates": stored}})
    message = rf"a\.hdf5: PartType1/Coordinates\[{row}\] is \[.*{bad}"
    refused(message, load_dmo_particles, path)
    refused(message, list, iter_particles(path, 1, chunk_particles=30000))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e-3])
def test_masses_that_are_no_masses_are_named_by_row(tmp_path, bad):
    gas = heavy(40000)
    gas["Masses"][33333] = bad
    path = snapshot_file(tmp_path / "a.hdf5", {0: gas, 1: dark(1)})
    refused(r"a\.hdf5: PartType0/Masses\[33333\] is", load_hydro_particles, path)


def test_data_whose_sources_are_gone_are_an_error_not_zeros(tmp_path):
    path = snapshot_file(tmp_path / "a.hdf5", {1: heavy(3)})
    layout = h5py.VirtualLayout((3, 3), np.float32)
    layout[:] = h5py.VirtualSource("gone.hdf5", "Coordinates", (3, 3))
    with h5py.File(path, "r+") as file:
        del file["PartType1/Coordinates"]
        file["PartType1"].create_virtual_dataset("Coordinates", layout)
    refused(r"a\.hdf5: PartType1/Coordinates lies in gone\.hdf5", load_dmo_particles, path)


def test_data_that_fail_while_they_are_read_name_the_file(tmp_path):
    path = snapshot_file(tmp_path / "a.hdf5", {1: heavy(3)})
    with h5py.File(path, "r+") as file:
        del file["PartType1/Coordinates"]
        data = file["PartType1"].create_dataset(
            "Coordinates", data=positions(3000)[:3], chunks=(3, 3), compression="gzip"
        )
        place = data.id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[place.byte_offset : place.byte_offset + place.size] = b"\xff" * place.size
    path.write_bytes(content)
    refused(r"a\.hdf5: damaged", load_dmo_particles, path)


def test_blosc_without_its_plugin_says_what_to_install(tmp_path, root):
    path = snapshot_file(tmp_path / "a.hdf5", {1: heavy(3)})
    with h5py.File(path, "r+") as file:
        del file["PartType1/Coordinates"]
        file["PartType1"].create_dataset(
            "Coordinates", data=positions(3), chunks=(3, 3), **hdf5plugin.Blosc()
        )
    code = (
        "import sys; sys.modules['hdf5plugin'] = None\n"  # as if it were not installed
        "from simlab.halo.files.snapshots import load_dmo_particles\n"
        f"try: load_dmo_particles({str(path)!r})\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (
        f"{path}: dataset PartType1/Coordinates uses HDF5 filter 32001 (blosc); install hdf5plugin"
    )
    assert len(load_dmo_particles(path)[0]) == 3


def test_impossible_requests_are_refused(tmp_path):
    path = snapshot_file(tmp_path / "a.hdf5")
    with pytest.raises(ConfigError, match="chunk_particles is 0"):
        iter_particles(path, 1, chunk_particles=0)
    with pytest.raises(ConfigError, match="dtype is float16"):
        load_dmo_particles(path, dtype=np.float16)
