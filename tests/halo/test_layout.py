import subprocess
import sys

import pytest

from simlab.core.errors import ConfigError
from simlab.halo.errors import (
    CatalogError,
    MissingCatalogError,
    MissingSnapshotError,
    SnapshotError,
)
from simlab.halo.layout import (
    catalog_file,
    chunk_index,
    find_catalog,
    find_snapshot,
    first_catalog_file,
    first_snapshot_file,
    snapshot_files,
)


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    "name",
    [
        "snap_090.hdf5",
        "snapshot_090.hdf5",
        "snapdir_090/snap_090.0.hdf5",
        "snapdir_090/snapshot_090.0.hdf5",
        "output/snap_090.hdf5",
        "output/snapshot_090.hdf5",
        "output/snapdir_090/snap_090.0.hdf5",
        "output/snapdir_090/snapshot_090.0.hdf5",
    ],
)
def test_a_snapshot_is_found_under_every_name_of_the_archive(tmp_path, name):
    touch(tmp_path, name, "ics.hdf5", "snap_089.hdf5", "fof_subhalo_tab_090.hdf5")
    assert find_snapshot(tmp_path) == [tmp_path / name]


@pytest.mark.parametrize(
    "name",
    [
        "fof_subhalo_tab_090.hdf5",
        "groups_090.hdf5",
        "fof_subhalo_tab_090.0.hdf5",
        "groups_090/fof_subhalo_tab_090.0.hdf5",
        "groups_090/groups_090.0.hdf5",
        "output/groups_090.hdf5",
        "output/groups_090/fof_subhalo_tab_090.0.hdf5",
    ],
)
def test_a_catalog_is_found_under_every_name_of_the_archive(tmp_path, name):
    touch(tmp_path, name, "snap_090.hdf5", "groups_089.hdf5")
    assert find_catalog(tmp_path) == [tmp_path / name]


def test_old_names_come_before_new_ones_and_the_folder_before_its_output(tmp_path):
    touch(tmp_path, "snapshot_090.hdf5", "output/snap_090.hdf5")
    assert find_snapshot(tmp_path) == [tmp_path / "snapshot_090.hdf5"]
    touch(tmp_path, "snap_090.hdf5")
    assert find_snapshot(tmp_path) == [tmp_path / "snap_090.hdf5"]


def test_chunks_are_ordered_by_number_ten_after_nine(tmp_path):
    names = [f"snapdir_090/snap_090.{index}.hdf5" for index in range(12)]
    touch(tmp_path, *reversed(names))
    found = find_snapshot(tmp_path)
    assert found == [tmp_path / name for name in names]
    assert [chunk_index(path) for path in found] == list(range(12))


def test_a_chunk_and_its_folder_stand_for_the_whole_family(tmp_path):
    names = [f"snapdir_090/snap_090.{index}.hdf5" for index in (0, 1, 10)]
    touch(tmp_path, *names, "snapdir_090/snap_091.0.hdf5", "snapdir_090/snap_090.md5")
    family = [tmp_path / name for name in names]
    assert find_snapshot(family[1]) == family
    assert find_snapshot(tmp_path / "snapdir_090") == family


def test_a_single_file_is_taken_as_it_is_whatever_the_number(tmp_path):
    touch(tmp_path, "particles.hdf5", "particles.0.hdf5")
    assert find_snapshot(tmp_path / "particles.hdf5", 33) == [tmp_path / "particles.hdf5"]


def test_the_number_selects_the_name_in_a_folder(tmp_path):
    touch(tmp_path, "snap_005.hdf5", "snap_090.hdf5", "snap_2332.hdf5")
    assert find_snapshot(tmp_path, 5) == [tmp_path / "snap_005.hdf5"]
    assert find_snapshot(tmp_path, 2332) == [tmp_path / "snap_2332.hdf5"]


@pytest.mark.parametrize("place", ["", "output/"])
def test_a_single_file_beside_a_chunk_folder_is_an_error_that_names_both(tmp_path, place):
    touch(tmp_path, "snap_090.hdf5", f"{place}snapdir_090/snap_090.0.hdf5")
    with pytest.raises(SnapshotError, match=rf"snap_090\.hdf5 .*{place}snapdir_090 "):
        find_snapshot(tmp_path)


def test_an_empty_chunk_folder_beside_a_single_file_is_not_passed_over(tmp_path):
    touch(tmp_path, "snapshot_090.hdf5")
    (tmp_path / "snapdir_090").mkdir()
    with pytest.raises(SnapshotError, match="snapdir_090"):
        find_snapshot(tmp_path)


def test_a_single_catalog_beside_its_chunks_is_an_error(tmp_path):
    touch(tmp_path, "fof_subhalo_tab_090.hdf5", "fof_subhalo_tab_090.0.hdf5")
    with pytest.raises(CatalogError, match="both there"):
        find_catalog(tmp_path)


def test_two_spellings_of_one_chunk_number_are_an_error(tmp_path):
    touch(tmp_path, "snapdir_090/snap_090.1.hdf5", "snapdir_090/snap_090.01.hdf5")
    with pytest.raises(SnapshotError, match="both chunk 1"):
        find_snapshot(tmp_path)


def test_what_is_missing_is_a_file_not_found_that_says_where_it_looked(tmp_path):
    with pytest.raises(MissingSnapshotError, match=r"snap_090.*snapshot_090.*output.*snapdir_090"):
        find_snapshot(tmp_path)
    with pytest.raises(FileNotFoundError, match="snap_090"):
        find_snapshot(tmp_path / "snap_090.hdf5")
    with pytest.raises(MissingCatalogError, match="fof_subhalo_tab_090"):
        find_catalog(tmp_path)


@pytest.mark.parametrize(("catalog_format", "suffix"), [("csv", "csv"), ("rockstar", "list")])
def test_a_table_is_the_only_one_of_its_suffix(tmp_path, catalog_format, suffix):
    with pytest.raises(MissingCatalogError, match=rf"\*\.{suffix}"):
        find_catalog(tmp_path, catalog_format=catalog_format)
    touch(tmp_path, f"a.{suffix}", "notes.txt")
    assert find_catalog(tmp_path, catalog_format=catalog_format) == [tmp_path / f"a.{suffix}"]
    touch(tmp_path, f"b.{suffix}")
    with pytest.raises(CatalogError, match=rf"a\.{suffix}, b\.{suffix}"):
        find_catalog(tmp_path, catalog_format=catalog_format)


def test_without_a_format_the_only_catalog_of_a_folder_is_taken(tmp_path):
    with pytest.raises(MissingCatalogError, match=r"fof_subhalo_tab_090.*nor .*\*\.csv, \*\.list"):
        find_catalog(tmp_path, catalog_format=None)
    touch(tmp_path, "out_90.list")
    assert find_catalog(tmp_path, catalog_format=None) == [tmp_path / "out_90.list"]
    touch(tmp_path, "halos.csv")
    with pytest.raises(CatalogError, match=r"one catalog is expected, found halos\.csv, out_90"):
        find_catalog(tmp_path, catalog_format=None)
    touch(tmp_path, "groups_090.hdf5")
    assert find_catalog(tmp_path, catalog_format=None) == [tmp_path / "groups_090.hdf5"]


def test_first_files_stand_for_a_simulation(tmp_path):
    touch(tmp_path, "LH_7/snapdir_090/snap_090.10.hdf5", "LH_7/snapdir_090/snap_090.9.hdf5")
    touch(tmp_path, "LH_7/groups_090.hdf5", "LH_7/out_90.list")
    assert first_snapshot_file(tmp_path, "LH", 7).name == "snap_090.9.hdf5"
    assert first_catalog_file(tmp_path, "LH", 7).name == "groups_090.hdf5"
    assert first_catalog_file(tmp_path, "LH", 7, 90, "rockstar").name == "out_90.list"


@pytest.mark.parametrize("naming", ["old", "new"])
@pytest.mark.parametrize("chunks", [1, 11])
def test_names_for_writing_are_found_again(tmp_path, naming, chunks):
    files = snapshot_files(tmp_path, 90, chunks, naming)
    catalog = catalog_file(tmp_path, 90, naming)
    touch(tmp_path, *files, catalog)
    assert find_snapshot(tmp_path) == files
    assert find_catalog(tmp_path) == [catalog]
    assert ("shot" in files[0].name) == (naming == "new")


def test_other_namings_and_formats_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="allowed: old, new"):
        snapshot_files(tmp_path, naming="newer")
    with pytest.raises(ConfigError, match="allowed: fof, csv, rockstar"):
        find_catalog(tmp_path, catalog_format="ahf")


def test_planning_modules_load_no_numerical_libraries(root):
    code = (
        "import sys, simlab.halo.layout, simlab.halo.parameters;"
        "print([m for m in ('h5py', 'numba', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
