"""Files of ptychography: stage-1 inputs, coordinates, shards, data sets, the tolerant reader."""

import io
import json
import os
import pickle
import tracemalloc
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
from ptycho_data import N, assert_equal_data, raw_data

from simlab.core.dataset import Dataset
from simlab.core.errors import (
    ConfigError,
    InputFileError,
    MissingFileError,
    MissingKeyError,
    PhysicsError,
    SimlabError,
)
from simlab.core.files import write_csv, write_npz
from simlab.ptycho.dataset import read_dataset, write_dataset
from simlab.ptycho.files.archive import read_archive
from simlab.ptycho.files.coordinates import read_coordinates
from simlab.ptycho.files.inputs import (
    read_input,
    read_mask,
    read_measured,
    read_object_source,
    read_probe_source,
    write_input,
)
from simlab.ptycho.files.published import write_dataset_h5, write_dataset_npz
from simlab.ptycho.files.readers import iterate_frames, read_arrays
from simlab.ptycho.files.shards import FrameFiles, ShardWriter

DATA = Path(__file__).parents[1] / "data" / "ptycho"

OBJECT = np.ones((40, 48), np.complex64)
PROBE = np.ones((16, 16), np.complex64)


# --- stage-1 files --------------------------------------------------------------------------


def test_an_input_file_reads_back_as_it_was_written(tmp_path):
    write_input(tmp_path / "input.npz", OBJECT * 2, PROBE * 1j)
    stage1 = read_input(tmp_path / "input.npz")
    np.testing.assert_array_equal(stage1["objectGuess"], OBJECT * 2)
    np.testing.assert_array_equal(stage1["probeGuess"], PROBE * 1j)
    assert len(stage1["sha256"]) == 64


def test_a_missing_input_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Input file not found: .*none\.npz") as caught:
        read_input(tmp_path / "none.npz")
    assert isinstance(caught.value, MissingFileError)


def test_an_input_file_without_probe_lists_what_it_has(tmp_path):
    write_npz(tmp_path / "input.npz", {"objectGuess": OBJECT, "other": PROBE})
    with pytest.raises(
        InputFileError,
        match=r"must contain 'objectGuess' and 'probeGuess'; found \['objectGuess', 'other'\]",
    ):
        read_input(tmp_path / "input.npz")


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"probeGuess": PROBE[:, :15]}, InputFileError, "16, 15"),
        ({"probeGuess": np.ones((17, 17), complex)}, InputFileError, "even"),
        ({"probeGuess": np.ones((8, 8), complex)}, InputFileError, "16..1024"),
        ({"probeGuess": PROBE * 0}, PhysicsError, "no energy"),
        ({"probeGuess": np.full((16, 16), np.nan, complex)}, InputFileError, "256"),
        ({"objectGuess": np.ones((15, 48), complex)}, InputFileError, r"15, 48.*16, 16\)$"),
        ({"objectGuess": np.ones(48, complex)}, InputFileError, "48"),
        ({"objectGuess": np.full((40, 48), "a")}, InputFileError, "numeric"),
    ],
)
def test_an_unusable_input_array_is_refused(tmp_path, changed, error, words):
    arrays = {"objectGuess": OBJECT, "probeGuess": PROBE, **changed}
    write_npz(tmp_path / "input.npz", arrays)
    with pytest.raises(error, match=words):
        read_input(tmp_path / "input.npz")


def test_a_small_object_is_accepted_on_request(tmp_path):
    write_input(tmp_path / "input.npz", OBJECT[:12], PROBE)
    stage1 = read_input(tmp_path / "input.npz", allow_small_object=True)
    assert stage1["objectGuess"].shape == (12, 48)


@pytest.mark.parametrize("shape", [(1, 40, 48), (40, 48, 1), (3, 40, 48)])
def test_axes_of_length_one_are_dropped(tmp_path, shape):
    probe = PROBE[..., None] if shape[-1] == 1 else PROBE[None]
    write_npz(tmp_path / "i.npz", {"objectGuess": np.ones(shape, complex), "probeGuess": probe})
    stage1 = read_input(tmp_path / "i.npz")
    assert stage1["objectGuess"].shape == tuple(n for n in shape if n != 1)
    assert stage1["probeGuess"].shape == (16, 16)


def test_a_real_object_is_taken_with_a_warning(tmp_path, caplog):
    write_npz(tmp_path / "input.npz", {"objectGuess": OBJECT.real, "probeGuess": PROBE})
    assert read_input(tmp_path / "input.npz")["objectGuess"].dtype == np.complex64
    assert "real" in caplog.text


def test_a_data_set_serves_as_input(tmp_path):
    raw = raw_data(objects=0)
    for name in ("data.npz", "data.h5"):
        write_dataset(tmp_path / name, raw)
        stage1 = read_input(tmp_path / name)
        np.testing.assert_array_equal(stage1["objectGuess"], raw.objectGuess)
        np.testing.assert_array_equal(stage1["probeGuess"], raw.probeGuess)


@pytest.mark.parametrize("name", ["input.npz", "input.h5"])
def test_a_file_that_is_no_archive_is_refused_by_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(InputFileError, match=name):
        read_input(tmp_path / name)


@pytest.mark.parametrize("name", ["input.npz", "input.h5"])
def test_a_truncated_file_is_refused_by_name(tmp_path, name):
    write_dataset(tmp_path / name, raw_data(frames=40))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputFileError, match=name):
        read_input(tmp_path / name)


def product_file(path, layers=2, components=2):
    with h5py.File(path, "w") as file:
        file["object"] = np.arange(layers * 40 * 48).reshape(layers, 40, 48).astype(np.complex64)
        file["probe"] = np.full((components, 3, 16, 16), 1 + 1j, np.complex64)
        file["probe"][0] *= 2
        for key in ("object", "probe"):
            file[key].attrs["pixel_width_m"] = 2e-9
            file[key].attrs["pixel_height_m"] = 4e-9
        file["probe_position_x_m"] = np.array([-2e-9, 0.0])
        file["probe_position_y_m"] = np.array([4e-9, 0.0])


def test_the_product_layout_gives_layer_and_component_zero_and_says_so(tmp_path):
    product_file(tmp_path / "p.h5")
    stage1 = read_input(tmp_path / "p.h5")
    np.testing.assert_array_equal(stage1["objectGuess"].real.ravel(), np.arange(40 * 48))
    with h5py.File(tmp_path / "p.h5") as file:
        np.testing.assert_array_equal(stage1["probeGuess"], file["probe"][0])
    assert stage1["notes"] == [
        "layer 0 of 2 object layers taken",
        "coherent component 0 of 2 taken",
    ]


def test_positions_in_meters_are_relative_to_the_center_of_the_object(tmp_path):
    product_file(tmp_path / "p.h5")
    where = read_coordinates(tmp_path / "p.h5")
    np.testing.assert_allclose(where["xcoords"], [23.5 - 1, 23.5])
    np.testing.assert_allclose(where["ycoords"], [19.5 + 1, 19.5])


def test_positions_in_meters_are_refused_where_pixels_are_expected(tmp_path):
    path = tmp_path / "c.npz"
    x = np.linspace(0, 3.6e-6, 14)
    write_npz(path, {"xcoords": x, "ycoords": x})
    with pytest.raises(InputFileError, match=r"c\.npz: the positions span 3\.6e-06 px.*meters"):
        read_coordinates(path)
    write_npz(path, {"xcoords": np.full(14, 80.0), "ycoords": np.full(14, 80.0)})
    assert len(read_coordinates(path)["xcoords"]) == 14


def test_objects_and_probes_are_read_from_every_format(tmp_path):
    np.save(tmp_path / "o.npy", OBJECT)
    write_npz(tmp_path / "o.npz", {"sample": OBJECT})
    with h5py.File(tmp_path / "o.h5", "w") as file:
        file["entry/sample"] = OBJECT
        pairs = np.zeros((16, 16), [("real", "f4"), ("imag", "f4")])
        pairs["imag"] = 3
        file["illumination"] = pairs
    for name, key in (("o.npy", "any"), ("o.npz", "sample"), ("o.h5", "entry/sample")):
        array, notes = read_object_source(tmp_path / name, key)
        np.testing.assert_array_equal(array, OBJECT)
        assert notes == []
    array, _ = read_probe_source(tmp_path / "o.h5", "illumination")
    np.testing.assert_array_equal(array, np.full((16, 16), 3j))


def test_a_missing_key_names_the_keys_that_are_there(tmp_path):
    write_npz(tmp_path / "o.npz", {"sample": OBJECT})
    with pytest.raises(MissingKeyError, match=r"objectGuess.*'sample'"):
        read_object_source(tmp_path / "o.npz", "objectGuess")
    with h5py.File(tmp_path / "o.h5", "w") as file:
        file["sample"] = OBJECT
    with pytest.raises(KeyError, match=r"'probeGuess'.*sample"):
        read_probe_source(tmp_path / "o.h5", "probeGuess")


def test_an_object_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "o.mat").write_bytes(b"x")
    with pytest.raises(InputFileError, match=r"o\.mat.*\.npz"):
        read_object_source(tmp_path / "o.mat")
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputFileError, match=r"o\.npy"):
        read_object_source(tmp_path / "o.npy")


def test_a_mask_holds_zeros_and_ones_of_the_detector(tmp_path):
    mask = np.ones((16, 16), bool)
    mask[3] = False
    np.save(tmp_path / "mask.npy", mask)
    write_npz(tmp_path / "mask.npz", {"mask": mask.astype(np.int64)})
    for name in ("mask.npy", "mask.npz"):
        read = read_mask(tmp_path / name, 16)
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, mask)
    with pytest.raises(InputFileError, match=r"\(16, 16\).*\(32, 32\)"):
        read_mask(tmp_path / "mask.npy", 32)
    np.save(tmp_path / "mask.npy", mask * 2)
    with pytest.raises(InputFileError, match="0"):
        read_mask(tmp_path / "mask.npy", 16)


def test_measured_patterns_of_an_input_are_read_frame_by_frame(tmp_path):
    raw = raw_data()
    for name in ("d.npz", "d.h5"):
        write_dataset(tmp_path / name, raw)
        measured = read_measured(tmp_path / name, [3, 1])
        np.testing.assert_array_equal(measured["diffraction"], raw.diff3d[[3, 1]])
        np.testing.assert_array_equal(measured["xcoords"], raw.xcoords)
    write_input(tmp_path / "input.npz", OBJECT, PROBE)
    assert read_measured(tmp_path / "input.npz") is None


# --- coordinates ----------------------------------------------------------------------------


def test_coordinates_are_read_from_npz_hdf5_and_csv(tmp_path):
    x, y, index = [1.5, 2.0, 1e2], [3.25, 0.1, -4.0], [0, 1, 0]
    arrays = {"xcoords": x, "ycoords": y, "object_index": index}
    write_npz(tmp_path / "c.npz", arrays)
    write_csv(tmp_path / "c.csv", list(arrays), zip(x, y, index, strict=True))
    with h5py.File(tmp_path / "c.h5", "w") as file:
        for key, values in arrays.items():
            file[key] = values
    for name in ("c.npz", "c.csv", "c.h5"):
        where = read_coordinates(tmp_path / name)
        assert where["xcoords"].tolist() == x
        assert where["ycoords"].tolist() == y
        assert where["object_index"].dtype == np.int64
        assert where["object_index"].tolist() == index


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("xcoords,y\n1,2\n", r"'ycoords'; columns found: \['xcoords', 'y'\]"),
        ("xcoords,ycoords\n1,2\n3,nan\n", r"ycoords of row 2 is nan"),
        ("xcoords,ycoords\n1,2\nsix,4\n", r"xcoords of row 2 is 'six'"),
        ("xcoords,ycoords\n", "no position"),
        ("xcoords,ycoords,object_index\n1,2,0.5\n", "object_index of row 1"),
    ],
)
def test_a_bad_coordinate_table_names_the_place(tmp_path, text, words):
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(InputFileError, match=words):
        read_coordinates(tmp_path / "c.csv")


def test_coordinates_of_different_length_are_refused_with_both_lengths(tmp_path):
    write_npz(tmp_path / "c.npz", {"xcoords": np.zeros(3), "ycoords": np.zeros(4)})
    with pytest.raises(InputFileError, match=r"c\.npz.*3.*4"):
        read_coordinates(tmp_path / "c.npz")


# --- data sets ------------------------------------------------------------------------------


VARIANTS = [
    {},
    {"frames": 1},
    {"modes": 3},
    {"objects": 2},
    {"dose": True},
    {"mask": True},
    {"counts": True},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("contract", ["legacy", "canonical"])
@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_a_data_set_is_read_back_without_loss(tmp_path, suffix, contract, variant):
    raw = raw_data(**variant)
    write_dataset(tmp_path / f"d{suffix}", raw, contract=contract)
    assert_equal_data(read_dataset(tmp_path / f"d{suffix}"), raw)


def test_the_legacy_npz_has_the_keys_shapes_and_types_of_the_contract(tmp_path):
    write_dataset(tmp_path / "d.npz", raw_data(frames=3))
    with np.load(tmp_path / "d.npz", allow_pickle=False) as data:
        found = {key: (data[key].shape, str(data[key].dtype)) for key in data}
    text = found.pop("_metadata")
    assert text[0] == ()
    assert text[1].startswith("<U")
    assert found == {
        "xcoords": ((3,), "float64"),
        "ycoords": ((3,), "float64"),
        "xcoords_start": ((3,), "float64"),
        "ycoords_start": ((3,), "float64"),
        "diff3d": ((3, N, N), "float32"),
        "probeGuess": ((N, N), "complex64"),
        "objectGuess": ((40, 48), "complex64"),
        "scan_index": ((3,), "int64"),
        "ground_truth_patches": ((3, N, N, 1), "complex64"),
        "object_index": ((3,), "int64"),
        "intensity_scale": ((), "float64"),
        "norm_Y_I": ((), "float64"),
        "nphotons": ((), "float64"),
    }


def test_the_canonical_npz_renames_frames_and_patches(tmp_path):
    raw = raw_data()
    write_dataset(tmp_path / "d.npz", raw, contract="canonical")
    with np.load(tmp_path / "d.npz") as data:
        np.testing.assert_array_equal(data["diffraction"], raw.diff3d)
        np.testing.assert_array_equal(data["Y"], raw.Y)
        assert not {"diff3d", "ground_truth_patches"} & set(data)


def test_equal_data_give_equal_bytes_and_members_of_1980(tmp_path):
    for name in ("a", "b"):
        for suffix in (".npz", ".h5"):
            write_dataset(tmp_path / (name + suffix), raw_data())
    for suffix in (".npz", ".h5"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(
    ("compression", "frames", "expected"),
    [
        ("auto", 5, zipfile.ZIP_DEFLATED),
        ("none", 5, zipfile.ZIP_STORED),
        ("auto", 11_000, zipfile.ZIP_STORED),
        ("deflate", 11_000, zipfile.ZIP_DEFLATED),
    ],
)
def test_compression_of_an_npz_follows_its_size_or_the_request(
    tmp_path, compression, frames, expected
):
    raw = raw_data(5)[np.arange(frames) % 5]
    write_dataset(tmp_path / "d.npz", raw, compression=compression)
    with zipfile.ZipFile(tmp_path / "d.npz") as archive:
        assert {member.compress_type for member in archive.infolist()} == {expected}


@pytest.mark.parametrize(
    ("counts", "compression", "expected"),
    [
        (False, "auto", (None, False)),
        (True, "auto", ("lzf", True)),
        (False, "gzip", ("gzip", True)),
        (True, "none", (None, False)),
    ],
)
def test_compression_of_hdf5_frames(tmp_path, counts, compression, expected):
    write_dataset(tmp_path / "d.h5", raw_data(counts=counts), compression=compression)
    with h5py.File(tmp_path / "d.h5") as file:
        assert (file["diff3d"].compression, file["diff3d"].shuffle) == expected


def test_an_hdf5_chunk_holds_65536_pixels_but_at_least_a_frame(tmp_path):
    write_dataset(tmp_path / "d.h5", raw_data(5)[np.arange(300) % 5])
    with h5py.File(tmp_path / "d.h5") as file:
        assert file["diff3d"].chunks == (65536 // N**2, N, N)


def test_root_attributes_tell_the_metadata_and_name_the_arrays_of_a_sample(tmp_path):
    raw = raw_data()
    write_dataset(tmp_path / "simulated.h5", raw)
    with h5py.File(tmp_path / "simulated.h5") as file:
        assert file.attrs["format"] == "ptycho-dataset"
        assert file.attrs["format_version"] == 1
        assert file.attrs["nphotons"] == 1e4
        assert file.attrs["measurement_domain"] == "normalized_amplitude"
        assert file.attrs["norm_Y_I"] == 2.9
        assert json.loads(file.attrs["_metadata"]) == raw.metadata
    rows = [(j, "simulated.h5", j, "train") for j in range(len(raw))]
    write_csv(tmp_path / "index.csv", ["id", "file", "position", "split"], rows)
    sample = Dataset(tmp_path)[3]
    np.testing.assert_array_equal(sample["diff3d"], raw.diff3d[3])
    np.testing.assert_array_equal(sample["ground_truth_patches"][..., 0], raw.Y[3])
    assert sample["xcoords"] == raw.xcoords[3]
    assert "objectGuess" not in sample


def test_an_unknown_suffix_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ConfigError, match=r"d\.mat"):
        write_dataset(tmp_path / "d.mat", raw_data())
    assert list(tmp_path.iterdir()) == []


# --- shards ---------------------------------------------------------------------------------


@dataclass
class Block:
    diff3d: np.ndarray
    patches: np.ndarray | None
    frame_scale: np.ndarray | None
    dose: np.ndarray | None


def write_shards(folder, raw, per_shard, *, block=7, compression="auto"):
    """Shards of `raw`, each written in blocks, as the rule does."""
    paths = []
    for number, first in enumerate(range(0, len(raw), per_shard)):
        part = raw[first : first + per_shard]
        positions = {
            key: getattr(part, key)
            for key in (
                "xcoords",
                "ycoords",
                "xcoords_start",
                "ycoords_start",
                "scan_index",
                "object_index",
            )
        }
        paths.append(folder / f"shards/{number:05d}.h5")
        with ShardWriter(paths[-1], positions, first_frame=first, compression=compression) as shard:
            for start in range(0, len(part), block):
                piece = part[start : start + block]
                shard.write(Block(piece.diff3d, piece.Y, piece.frame_scale, piece.dose))
    return paths


def shared_of(raw):
    return {
        "probeGuess": raw.probeGuess,
        "objectGuess": raw.objectGuess,
        "intensity_scale": np.float64(raw.intensity_scale),
        "norm_Y_I": np.float64(raw.norm_Y_I),
        "nphotons": np.float64(1e4),
        "detector_mask": raw.detector_mask,
    }


@pytest.mark.parametrize("merge", ["copy", "virtual"])
@pytest.mark.parametrize("contract", ["legacy", "canonical"])
@pytest.mark.parametrize("variant", [{}, {"counts": True}, {"dose": True}], ids=str)
@pytest.mark.parametrize("per_shard", [1000, 512, 100])
def test_merged_shards_are_the_data_set(tmp_path, per_shard, variant, contract, merge):
    raw = raw_data(10, **variant)[np.arange(700) % 10]
    paths = write_shards(tmp_path, raw, per_shard)
    write_dataset_h5(
        tmp_path / "simulated.h5",
        paths,
        shared_of(raw),
        raw.metadata,
        contract=contract,
        merge=merge,
    )
    assert_equal_data(read_dataset(tmp_path / "simulated.h5"), raw)
    with h5py.File(tmp_path / "simulated.h5") as file:
        assert not any(data.id.get_create_plist().get_obj_track_times() for data in file.values())


def test_the_npz_has_the_same_bytes_for_every_cut_into_shards(tmp_path):
    raw = raw_data(10)[np.arange(130) % 10]
    written = []
    for per_shard, block in ((1000, 7), (64, 64), (33, 5)):
        folder = tmp_path / str(per_shard)
        paths = write_shards(folder, raw, per_shard, block=block)
        write_dataset_npz(folder / "s.npz", paths, shared_of(raw), raw.metadata)
        written.append((folder / "s.npz").read_bytes())
    assert written[0] == written[1] == written[2]
    write_dataset(tmp_path / "memory.npz", raw)
    assert (tmp_path / "memory.npz").read_bytes() == written[0]


def test_chunks_of_aligned_shards_are_copied_without_decoding(tmp_path, monkeypatch):
    raw = raw_data(10, counts=True)[np.arange(700) % 10]
    paths = write_shards(tmp_path, raw, 512)

    def decoded(*arguments):
        raise AssertionError("a chunk was decoded")

    monkeypatch.setattr(h5py.Dataset, "__setitem__", decoded)
    write_dataset_h5(tmp_path / "s.h5", paths[:1], shared_of(raw), raw.metadata, merge="copy")
    monkeypatch.undo()
    with h5py.File(tmp_path / "s.h5") as merged, h5py.File(paths[0]) as shard:
        np.testing.assert_array_equal(merged["diff3d"][:], shard["diff3d"][:])
        assert merged["diff3d"].compression == "lzf"


def test_a_virtual_data_set_moves_with_its_shards(tmp_path):
    raw = raw_data(10)
    paths = write_shards(tmp_path / "a", raw, 4)
    write_dataset_h5(
        tmp_path / "a/simulated.h5", paths, shared_of(raw), raw.metadata, merge="virtual"
    )
    (tmp_path / "a").rename(tmp_path / "b")
    assert_equal_data(read_dataset(tmp_path / "b/simulated.h5"), raw)


def test_a_virtual_data_set_whose_shard_is_gone_is_refused(tmp_path):
    raw = raw_data(10)
    paths = write_shards(tmp_path, raw, 4)
    write_dataset_h5(
        tmp_path / "simulated.h5", paths, shared_of(raw), raw.metadata, merge="virtual"
    )
    paths[1].unlink()
    with pytest.raises(MissingFileError, match=r"simulated\.h5.*shards/00001\.h5"):
        read_dataset(tmp_path / "simulated.h5")
    with h5py.File(tmp_path / "simulated.h5") as file:
        assert np.isnan(file["diff3d"][4:8]).all()


def test_merging_is_by_copy_up_to_two_gibibytes(tmp_path, monkeypatch):
    raw = raw_data(10)
    paths = write_shards(tmp_path, raw, 4)
    for limit, virtual in ((10 * N * N * 12, False), (10 * N * N * 12 - 1, True)):
        monkeypatch.setattr("simlab.ptycho.files.published.COPY_LIMIT_BYTES", limit)
        write_dataset_h5(tmp_path / "s.h5", paths, shared_of(raw), raw.metadata)
        with h5py.File(tmp_path / "s.h5") as file:
            assert file["diff3d"].is_virtual == virtual
            assert file["ground_truth_patches"].is_virtual == virtual


def test_a_shard_that_lacks_frames_does_not_appear(tmp_path):
    raw = raw_data(5)
    positions = {
        key: np.zeros(5) for key in ("xcoords", "ycoords", "xcoords_start", "ycoords_start")
    }
    positions |= {key: np.zeros(5, np.int64) for key in ("scan_index", "object_index")}
    with (
        pytest.raises(SimlabError, match="3 of 5 frames"),
        ShardWriter(tmp_path / "s.h5", positions) as shard,
    ):
        shard.write(Block(raw.diff3d[:3], None, None, None))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_shard_leaves_nothing(tmp_path):
    positions = {
        key: np.zeros(5)
        for key in (
            "xcoords",
            "ycoords",
            "xcoords_start",
            "ycoords_start",
            "scan_index",
            "object_index",
        )
    }
    with (
        pytest.raises(KeyboardInterrupt),
        ShardWriter(tmp_path / "s.h5", positions),
    ):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_shards_out_of_order_are_refused(tmp_path):
    paths = write_shards(tmp_path, raw_data(10), 4)
    with (
        pytest.raises(InputFileError, match=r"00002\.h5: starts with frame 8, frame 4"),
        FrameFiles([paths[0], paths[2]]),
    ):
        pass


def test_chosen_frames_come_in_the_order_asked_for(tmp_path):
    raw = raw_data(30)
    paths = write_shards(tmp_path, raw, 11)
    chosen = [29, 3, 4, 12, 3, 0]
    with FrameFiles(paths) as frames:
        np.testing.assert_array_equal(frames.take("diff3d", chosen), raw.diff3d[chosen])
    write_dataset_npz(
        tmp_path / "part.npz", paths, shared_of(raw), raw.metadata, indices=np.array(chosen)
    )
    part = read_dataset(tmp_path / "part.npz")
    assert_equal_data(part, raw[chosen])


def test_merging_needs_no_more_memory_for_more_frames(tmp_path):
    few = raw_data(8)
    peaks = []
    for frames in (20_000, 60_000):  # 60 and 180 MiB of frames and patches
        folder = tmp_path / str(frames)
        positions = {
            key: np.zeros(frames)
            for key in ("xcoords", "ycoords", "xcoords_start", "ycoords_start")
        }
        positions |= {key: np.zeros(frames, np.int64) for key in ("scan_index", "object_index")}
        block = Block(few.diff3d[np.arange(2000) % 8], few.Y[np.arange(2000) % 8], None, None)
        with ShardWriter(folder / "00000.h5", positions) as shard:
            for _ in range(frames // 2000):
                shard.write(block)
        tracemalloc.start()
        for write, name in ((write_dataset_npz, "s.npz"), (write_dataset_h5, "s.h5")):
            write(folder / name, [folder / "00000.h5"], shared_of(few), None)
        for _ in iterate_frames(folder / "s.npz"):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1] / 2**20)
        tracemalloc.stop()
    assert peaks[1] < 60
    assert peaks[1] < peaks[0] + 8


# --- the tolerant reader --------------------------------------------------------------------


def test_the_peers_file_is_read_with_its_pickled_metadata():
    raw = read_dataset(DATA / "legacy_simulated_sample.npz")
    assert len(raw) == 2
    assert raw.Y.shape == (2, 64, 64)
    assert raw.metadata["physics_parameters"]["nphotons"] == 1e9
    with np.load(DATA / "legacy_simulated_sample.npz") as data:
        np.testing.assert_array_equal(raw.diff3d, data["diff3d"])


def with_pickled_metadata(path, value):
    """An npz whose `_metadata` is a pickle of `value`, as numpy writes object arrays."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    write_npz(path, {"xcoords": np.zeros(1)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("_metadata.npy", header.getvalue() + pickle.dumps(value))


class Attack:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


class BuiltinAttack:
    def __reduce__(self):
        return eval, ("1 + 1",)


def test_a_hostile_pickle_is_refused_and_not_executed(tmp_path):
    target = tmp_path / "made-by-the-pickle"
    for value in (Attack(target), np.array(Attack(target), object), BuiltinAttack()):
        with_pickled_metadata(tmp_path / "d.npz", value)
        with pytest.raises(InputFileError, match=r"d\.npz.*_metadata.*not admitted"):
            read_archive(tmp_path / "d.npz")
        assert not target.exists()


@pytest.mark.parametrize("value", [np.array({"a": 1}, object), 3, np.array(["a", "b"], object)])
def test_pickled_metadata_that_is_no_text_is_refused(tmp_path, value):
    with_pickled_metadata(tmp_path / "d.npz", value)
    with pytest.raises(InputFileError, match="_metadata"):
        read_archive(tmp_path / "d.npz")


def test_pickled_text_is_read_in_every_form(tmp_path):
    for value in ("text", np.array("text", object), np.str_("text"), np.array("text")):
        with_pickled_metadata(tmp_path / "d.npz", value)
        assert read_archive(tmp_path / "d.npz")["_metadata"] == "text"


def test_other_pickled_members_are_refused_by_name(tmp_path):
    np.savez(tmp_path / "d.npz", objectGuess=np.array({"a": 1}, object))
    with pytest.raises(InputFileError, match=r"d\.npz.*objectGuess.*pickled"):
        read_archive(tmp_path / "d.npz")


def old_file(path, **changes):
    """A minimal npz of the old kind: positions, frames, probe."""
    raw = raw_data(3)
    arrays = {
        "xcoords": raw.xcoords,
        "ycoords": raw.ycoords,
        "diff3d": raw.diff3d,
        "probeGuess": raw.probeGuess,
    } | changes
    write_npz(path, {key: value for key, value in arrays.items() if value is not None})
    return raw


def test_missing_positions_indices_and_objects_get_their_defaults(tmp_path):
    raw = old_file(tmp_path / "d.npz")
    read = read_dataset(tmp_path / "d.npz")
    np.testing.assert_array_equal(read.xcoords_start, raw.xcoords)
    np.testing.assert_array_equal(read.ycoords_start, raw.ycoords)
    assert read.scan_index.tolist() == [0, 0, 0]
    assert read.scan_index.dtype == np.int64
    assert read.objectGuess is None
    assert read.metadata is None


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_frames_stored_last_axis_first_are_transposed_with_a_warning(tmp_path, caplog, suffix):
    raw = raw_data(3)
    stored = np.ascontiguousarray(raw.diff3d.transpose(1, 2, 0))
    path = tmp_path / f"d{suffix}"
    if suffix == ".npz":
        old_file(path, diff3d=stored)
    else:
        with h5py.File(path, "w") as file:
            file["diffraction"] = stored
            file["xcoords"], file["ycoords"] = raw.xcoords, raw.ycoords
            file["probeGuess"] = raw.probeGuess
    read = read_dataset(path)
    np.testing.assert_array_equal(read.diff3d, raw.diff3d)
    assert "transposed" in caplog.text


def test_frames_whose_count_is_their_side_are_not_transposed(tmp_path, caplog):
    raw = raw_data(N)
    write_dataset(tmp_path / "d.npz", raw)
    np.testing.assert_array_equal(read_dataset(tmp_path / "d.npz").diff3d, raw.diff3d)
    assert "transposed" not in caplog.text


def test_one_frame_without_its_axis_is_read(tmp_path):
    raw = raw_data(1)
    old_file(
        tmp_path / "d.npz",
        xcoords=raw.xcoords,
        ycoords=raw.ycoords,
        diff3d=raw.diff3d[0],
        probeGuess=raw.probeGuess[..., None],
    )
    read = read_dataset(tmp_path / "d.npz")
    np.testing.assert_array_equal(read.diff3d, raw.diff3d)
    assert read.probeGuess.shape == (N, N)


def test_uint16_frames_become_amplitude_only_on_request(tmp_path, caplog):
    intensity = np.full((3, N, N), 300, np.uint16)
    old_file(tmp_path / "d.npz", diff3d=intensity)
    read = read_dataset(tmp_path / "d.npz")
    assert read.diff3d.dtype == np.uint16
    assert "intensity" in caplog.text
    read = read_dataset(tmp_path / "d.npz", assume="intensity")
    assert read.diff3d.dtype == np.float32
    np.testing.assert_allclose(read.diff3d, np.sqrt(300), rtol=1e-6)
    arrays, _ = read_arrays(tmp_path / "d.npz", "intensity")
    assert arrays["diff3d"].max() == np.float32(np.sqrt(300))


@pytest.mark.parametrize(
    ("domain", "contract"),
    [
        ("normalized_amplitude", "ci_intensity_v2"),
        ("count_intensity", "legacy_v1"),
        ("photons", None),
    ],
)
def test_contradictory_measurement_domains_are_refused(tmp_path, domain, contract):
    raw = raw_data()
    raw.metadata["physics_parameters"] |= {
        "measurement_domain": domain,
        "scale_contract_version": contract,
    }
    for name in ("d.npz", "d.h5"):
        write_dataset(tmp_path / name, raw)
        with pytest.raises(InputFileError, match=f"{domain}.*contradicts"):
            read_dataset(tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"diff3d": None}, "diffraction"),
        ({"xcoords": None}, "xcoords"),
        ({"probeGuess": None}, "probeGuess"),
        ({"ycoords": np.zeros(4)}, "ycoords has 4 rows"),
        ({"diff3d": np.zeros((5, N, N), np.float32)}, "diff3d has 5 frames"),
        ({"diff3d": np.zeros((3, N), np.float32)}, r"expected \(M, N, N\)"),
    ],
)
def test_an_incomplete_data_set_says_what_is_wrong(tmp_path, changes, words):
    old_file(tmp_path / "d.npz", **changes)
    with pytest.raises(InputFileError, match=words):
        read_dataset(tmp_path / "d.npz")


@pytest.mark.parametrize("name", ["pickled.npz", "stored.npz", "deflated.npz", "data.h5"])
def test_damage_anywhere_is_an_error_of_the_file_or_harmless(tmp_path, name):
    rng = np.random.default_rng(3)
    if name == "pickled.npz":
        whole = (DATA / "legacy_simulated_sample.npz").read_bytes()
    else:
        compression = "none" if name == "stored.npz" else "auto"
        write_dataset(tmp_path / name, raw_data(dose=True), compression=compression)
        whole = (tmp_path / name).read_bytes()
    refused = 0
    for trial in range(120):
        damaged = bytearray(whole)
        ends = ((0, len(whole)), (0, 3000), (len(whole) - 2000, len(whole)))
        for place in rng.integers(*ends[trial % 3], size=1 + trial % 5):
            damaged[place] = rng.integers(256)
        (tmp_path / name).write_bytes(damaged)
        for read in (read_dataset, read_input, read_measured, read_coordinates):
            try:
                read(tmp_path / name)
            except SimlabError:
                refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"xcoords": np.array(["a", "b", "c"])}, "xcoords is <U1"),
        ({"probeGuess": np.full((N, N), "x")}, "probeGuess is <U1"),
        ({"intensity_scale": np.ones(3)}, r"intensity_scale has shape \(3,\)"),
    ],
)
def test_arrays_of_the_wrong_kind_are_refused(tmp_path, changes, words):
    old_file(tmp_path / "d.npz", **changes)
    with pytest.raises(InputFileError, match=words):
        read_dataset(tmp_path / "d.npz")


def test_frames_are_iterated_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("simlab.ptycho.files.shards.BLOCK_BYTES", 4 * N * N * 4)
    raw = raw_data(10)
    for name in ("d.npz", "d.h5"):
        write_dataset(tmp_path / name, raw)
        parts = list(iterate_frames(tmp_path / name))
        assert [start for start, _ in parts] == [0, 4, 8]
        np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), raw.diff3d)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"probeGuess": np.ones((8, N), np.complex64)}, r"probeGuess has shape \(8, 16\)"),
        ({"probeGuess": np.ones((8, 8), np.complex64)}, "diff3d has shape"),
        ({"detector_mask": np.ones((8, 8), np.uint8)}, r"detector_mask has shape \(8, 8\)"),
        ({"objectGuess": np.ones(5, np.complex64)}, r"objectGuess has shape \(5,\)"),
    ],
)
def test_arrays_of_another_shape_are_a_fault_of_the_file(tmp_path, changes, words):
    old_file(tmp_path / "d.npz", **changes)
    with pytest.raises(InputFileError, match=rf"d\.npz: {words}"):
        read_dataset(tmp_path / "d.npz")
