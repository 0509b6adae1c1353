"""Data sets in the layouts of other programs, and back."""

import json

import h5py
import numpy as np
import pytest
from ptycho_data import assert_equal_data, raw_data

from simlab.core.errors import ConfigError, MissingKeyError
from simlab.ptycho.dataset import read_dataset, write_dataset
from simlab.ptycho.export import convert
from simlab.ptycho.files.coordinates import read_coordinates
from simlab.ptycho.files.inputs import read_input, read_measured

PIXEL = 7e-9


@pytest.mark.parametrize("source", [".npz", ".h5"])
@pytest.mark.parametrize("target", [".npz", ".h5"])
@pytest.mark.parametrize("to", ["legacy", "canonical"])
def test_names_are_converted_without_touching_the_data(tmp_path, source, target, to):
    raw = raw_data(dose=True, mask=True)
    other = "canonical" if to == "legacy" else "legacy"
    write_dataset(tmp_path / f"a{source}", raw, contract=other)
    convert(tmp_path / f"a{source}", tmp_path / f"b{target}", to)
    converted = read_dataset(tmp_path / f"b{target}")
    raw.metadata["data_transformations"] = converted.metadata["data_transformations"]
    assert len(raw.metadata["data_transformations"]) == 1
    assert_equal_data(converted, raw)
    write_dataset(tmp_path / f"c{target}", raw, contract=to)
    assert (tmp_path / f"b{target}").read_bytes() == (tmp_path / f"c{target}").read_bytes()


def test_integer_intensity_is_converted_to_amplitude_on_request(tmp_path):
    raw = raw_data()
    raw.metadata, raw.diff3d = None, np.full((5, 16, 16), 300, np.uint16)
    write_dataset(tmp_path / "a.npz", raw)
    convert(tmp_path / "a.npz", tmp_path / "b.npz", "legacy", assume="intensity")
    np.testing.assert_allclose(read_dataset(tmp_path / "b.npz").diff3d, np.sqrt(300), rtol=1e-6)


@pytest.mark.parametrize("modes", [0, 3])
def test_a_product_holds_positions_in_meters_probe_and_object(tmp_path, modes):
    raw = raw_data(modes=modes)
    write_dataset(tmp_path / "a.npz", raw)
    convert(
        tmp_path / "a.npz",
        tmp_path / "p.h5",
        "product",
        pixel_size_m=PIXEL,
        name="star",
        comments="none",
        detector_object_distance_m=1.9,
        probe_energy_ev=8800.0,
        exposure_time_s=0.1,
    )
    with h5py.File(tmp_path / "p.h5") as file:
        assert dict(file.attrs) == {
            "name": "star",
            "comments": "none",
            "detector_object_distance_m": 1.9,
            "probe_energy_eV": 8800.0,
            "exposure_time_s": 0.1,
        }
        assert file["probe"].shape == (1, max(1, modes), 16, 16)
        assert file["object"].shape == (1, 40, 48)
        assert file["object_layer_spacing_m"].shape == (0,)
        assert file["loss_values"].shape == (0,)
        np.testing.assert_array_equal(file["probe_position_indexes"], np.arange(5))
        np.testing.assert_allclose(file["probe_position_x_m"], (raw.xcoords - 23.5) * PIXEL)
        np.testing.assert_allclose(file["probe_position_y_m"], (raw.ycoords - 19.5) * PIXEL)
        for key in ("probe", "object"):
            assert file[key].attrs["pixel_width_m"] == PIXEL
            assert file[key].attrs["pixel_height_m"] == PIXEL
        assert file["object"].attrs["center_x_m"] == 0.0
        assert file["object"].attrs["center_y_m"] == 0.0


@pytest.mark.parametrize(("name", "to"), [("p.h5", "product"), ("c.cxi", "cxi")])
@pytest.mark.parametrize("modes", [0, 3])
def test_exports_serve_as_inputs_and_as_coordinate_files(tmp_path, name, to, modes):
    raw = raw_data(modes=modes)
    write_dataset(tmp_path / "a.h5", raw)
    convert(tmp_path / "a.h5", tmp_path / name, to, pixel_size_m=PIXEL)
    stage1 = read_input(tmp_path / name)
    np.testing.assert_array_equal(stage1["objectGuess"], raw.objectGuess)
    np.testing.assert_array_equal(stage1["probeGuess"], raw.probeGuess)
    assert stage1["notes"] == []
    where = read_coordinates(tmp_path / name)
    np.testing.assert_allclose(where["xcoords"], raw.xcoords, rtol=1e-12)
    np.testing.assert_allclose(where["ycoords"], raw.ycoords, rtol=1e-12)


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("dose", [False, True])
def test_cxi_holds_counts(tmp_path, counts, dose):
    raw = raw_data(counts=counts, dose=dose)
    whole = np.random.default_rng(0).poisson(50, raw.diff3d.shape)
    scale = raw.frame_scale[:, None, None] if dose else raw.intensity_scale
    raw.diff3d = whole.astype(np.uint32) if counts else np.float32(np.sqrt(whole) / scale)
    write_dataset(tmp_path / "a.npz", raw)
    convert(tmp_path / "a.npz", tmp_path / "c.cxi", "cxi", pixel_size_m=PIXEL, probe_energy_ev=1e4)
    with h5py.File(tmp_path / "c.cxi") as file:
        assert file["entry_1/data_1/data"].dtype == np.uint32
        np.testing.assert_array_equal(file["entry_1/data_1/data"], whole)
        translation = file["entry_1/data_1/translation"][:]
        np.testing.assert_allclose(translation[:, 0], (raw.xcoords - 23.5) * PIXEL)
        np.testing.assert_allclose(translation[:, 1], (raw.ycoords - 19.5) * PIXEL)
        assert not translation[:, 2].any()
        energy = file["entry_1/instrument_1/source_1/energy"][()]
        np.testing.assert_allclose(energy, 1.602176634e-15)
    measured = read_measured(tmp_path / "c.cxi", [2])
    np.testing.assert_array_equal(measured["diffraction"], whole[[2]])


def test_cxi_of_amplitudes_without_scale_holds_their_squares(tmp_path):
    raw = raw_data()
    raw.metadata = raw.intensity_scale = None
    write_dataset(tmp_path / "a.npz", raw)
    convert(tmp_path / "a.npz", tmp_path / "c.cxi", "cxi", pixel_size_m=PIXEL)
    with h5py.File(tmp_path / "c.cxi") as file:
        np.testing.assert_allclose(file["entry_1/data_1/data"], raw.diff3d**2, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "to", "options", "words"),
    [
        ("p.h5", "tiff", {}, "'tiff'.*product, cxi, canonical, legacy"),
        ("p.h5", "product", {}, "pixel_size_m is None"),
        ("c.cxi", "cxi", {"pixel_size_m": -1.0}, "pixel_size_m is -1.0"),
        ("p.npz", "product", {"pixel_size_m": PIXEL}, r"p\.npz.*\.h5"),
        ("l.cxi", "legacy", {}, r"l\.cxi.*\.npz"),
    ],
)
def test_impossible_conversions_are_refused_and_leave_nothing(tmp_path, name, to, options, words):
    write_dataset(tmp_path / "a.npz", raw_data())
    with pytest.raises(ConfigError, match=words):
        convert(tmp_path / "a.npz", tmp_path / name, to, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize(("name", "to"), [("p.h5", "product"), ("c.cxi", "cxi")])
def test_several_objects_and_missing_ones_are_refused(tmp_path, name, to):
    raw = raw_data(objects=2)
    write_dataset(tmp_path / "a.npz", raw)
    with pytest.raises(ConfigError, match="2 objects"):
        convert(tmp_path / "a.npz", tmp_path / name, to, pixel_size_m=PIXEL)
    raw.objectGuess = None
    write_dataset(tmp_path / "a.npz", raw)
    with pytest.raises(MissingKeyError, match="objectGuess"):
        convert(tmp_path / "a.npz", tmp_path / name, to, pixel_size_m=PIXEL)


@pytest.mark.parametrize(("name", "to"), [("b.npz", "canonical"), ("b.cxi", "cxi")])
def test_the_record_tells_of_the_conversion_without_a_time(tmp_path, name, to):
    raw = raw_data(counts=True)
    del raw.metadata["physics_parameters"]["measurement_domain"]
    del raw.metadata["physics_parameters"]["scale_contract_version"]
    write_dataset(tmp_path / "a.npz", raw)
    convert(tmp_path / "a.npz", tmp_path / name, to, assume="intensity", pixel_size_m=PIXEL)
    if to == "cxi":
        with h5py.File(tmp_path / name) as file:
            record = json.loads(file.attrs["_metadata"])
    else:
        record = read_dataset(tmp_path / name).metadata
    assert record["data_transformations"] == [
        {
            "tool": "simlab ptycho convert",
            "timestamp": None,
            "operation": "convert",
            "parameters": {"to": to, "assume": "intensity"},
        }
    ]
