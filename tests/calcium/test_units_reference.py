"""Single functions against arrays of the original program (`units.npz`, arguments `units.json`)."""

import json

import numpy as np
import pytest

from simlab.calcium import activity, bleaching, cells, fields, motion, neuropil, optics, vessels
from simlab.calcium.spec import Acquisition, ImageSensor, Leakage, Optics, Tissue

TIGHT, STORED_AS_FLOAT32 = 1e-9, 2e-6


@pytest.fixture(scope="module")
def reference(data):
    with np.load(data / "calcium" / "units.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def arguments(data):
    return json.loads((data / "calcium" / "units.json").read_text())


@pytest.fixture(scope="module")
def acquisition(arguments):
    case = arguments["cell_optics"]
    return Acquisition(
        optics=Optics(**case["optics"]),
        tissue=Tissue(**case["tissue"]),
        image_sensor=ImageSensor(**case["sensor"]),
    )


def rng_of(case):
    return np.random.default_rng(case["rng_seed"])


def assert_equal(found, expected, relative=TIGHT):
    np.testing.assert_allclose(found, expected, rtol=relative, atol=relative * abs(expected).max())


@pytest.mark.parametrize("i", range(4))
def test_kernels_of_calcium(i, arguments, reference):
    name = f"kernel_{i}"
    assert_equal(activity.calcium_kernel(**arguments[name]), reference[name])


def test_timing_of_kernels(arguments, reference):
    inputs = arguments["kernel_timing"]["inputs"]
    assert_equal([activity.kernel_timing(*pair) for pair in inputs], reference["kernel_timing"])


def test_kernels_of_a_timing(arguments, reference):
    inputs = arguments["tau_from_timing"]["inputs"]
    found = [activity.tau_from_kernel_timing(*pair) for pair in inputs]
    assert_equal(found, reference["tau_from_timing"])


def test_spiking_of_silent_to_busy_regions(arguments, reference):
    inputs = arguments["spike_activity_params"]["inputs"]
    found = [activity.spike_activity_params(a) for a in inputs]
    assert_equal(found, reference["spike_activity_params"])


def test_optics_of_cells(acquisition, arguments, reference):
    found = [
        [
            *acquisition.cell_optics(z, focus),
            acquisition.tissue.attenuation(z),
            acquisition.tissue.scatter_sigma_um(z),
            acquisition.optics.defocus_sigma_um(z, focus),
        ]
        for z, focus in arguments["cell_optics"]["inputs"]
    ]
    assert_equal(found, reference["cell_optics"])


def test_curvature_of_the_field(acquisition, arguments, reference):
    radii = arguments["curvature_shift"]["inputs"]
    found = [acquisition.optics.focal_curvature_shift_um(r) for r in radii]
    assert_equal(found, reference["curvature_shift"])


def test_bleaching_of_a_cell(arguments, reference):
    q, tau, intensity, b0 = arguments["bleach_pool"]["q_tau_intensity_b0"]
    found = bleaching.bleaching_pool(reference["bleach_emission"], q, tau, intensity, b0)
    assert_equal(found, reference["bleach_pool"])


def test_floor_of_bleaching(arguments, reference):
    found = bleaching.bleaching_floor(*arguments["bleach_floor"]["args"])
    assert_equal(found, reference["bleach_floor"])


def test_recovery_in_the_dark(arguments, reference):
    b0, tau = arguments["dark_recovery"]["b0_tau"]
    found = bleaching.dark_recovery(b0, np.linspace(0, 3, 7), tau)
    assert_equal(found, reference["dark_recovery"])


def test_radial_falloff(arguments, reference):
    case = arguments["falloff"]
    found = fields.radial_falloff(case["shape"], case["center_px"], *case["falloff_exponent"])
    assert_equal(found, reference["falloff"])


def test_leakage(acquisition, arguments, reference):
    leakage = Leakage(**arguments["leakage"]["leakage"])
    found = fields.leakage_field(leakage, acquisition, arguments["falloff"]["shape"])
    assert_equal(found, reference["leakage"])


def test_colored_noise(arguments, reference):
    case = arguments["ou"]
    assert_equal(neuropil.ou_process(300, case["tau_frames"], rng_of(case)), reference["ou"])


def test_envelope_of_neuropil(arguments, reference):
    tau, rng = arguments["ou"]["tau_frames"], rng_of(arguments["neuropil_envelope"])
    assert_equal(neuropil.neuropil_envelope(300, tau, rng), reference["neuropil_envelope"])


def test_smooth_field(arguments, reference):
    case, shape = arguments["smooth_field"], arguments["falloff"]["shape"]
    found = neuropil.smooth_spatial_field(shape, case["sigma_px"], rng_of(case))
    assert_equal(found, reference["smooth_field"], 1e-6)


def test_envelope_of_a_population(arguments, reference):
    tau = arguments["pop_envelope"]["tau_frames"]
    found = neuropil.population_envelope(reference["pop_traces"], tau)
    assert_equal(found, reference["pop_envelope"])


def test_random_walk(arguments, reference):
    case = arguments["walk"]
    found = motion.bounded_random_walk(200, *case["step_max_px"], rng_of(case))
    assert_equal(found, reference["walk"])


def test_physical_motion(arguments, reference):
    case = dict(arguments["physical_motion"])
    rng = np.random.default_rng(case.pop("rng_seed"))
    assert_equal(motion.physical_brain_motion(**case, rng=rng), reference["physical_motion"])


def test_branches_of_vessels(arguments, reference):
    found = [vessels.murray_children(*pair) for pair in arguments["murray"]["inputs"]]
    assert_equal(found, reference["murray"])


def test_vessel_tree(arguments, reference):
    case = arguments["vessel_tree"]
    growth = vessels.VesselGrowth(**case["growth"])
    where = case["bounds_um"], case["root_um"], case["heading_rad"]
    found = vessels.grow_vessel_tree(*where, growth, rng_of(case))
    assert_equal(found, reference["vessel_tree"])


def test_ways_through_vessels_and_their_shade(arguments, reference):
    case = arguments["vessel_path_um"]
    path = vessels.rasterize_vessels(reference["vessel_tree"], case["shape"], case["pixel_size_um"])
    assert_equal(path, reference["vessel_path_um"], STORED_AS_FLOAT32)
    opacity, absorption = arguments["vessel_mask"]["opacity_absorption"]
    mask = vessels.vessels_to_mask(path, opacity, absorption)
    assert_equal(mask, reference["vessel_mask"], STORED_AS_FLOAT32)


@pytest.mark.parametrize("morphology", ["soma", "cytosolic"])
def test_footprints_are_equal(morphology, arguments, reference):
    name = f"footprint_{morphology}"
    case = arguments[name]
    found = cells.neuron_footprint(
        *(case["shape"], case["center_px"], case["radius_px"], case["irregularity"], rng_of(case)),
        morphology=morphology,
        dendrite_length_px=case["dendrite_length_px"],
        dendrite_width_px=case["dendrite_width_px"],
    )
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, reference[name])


def test_blurred_footprint(arguments, reference):
    case = arguments["degraded_patch"]
    planted = reference[case["planted"]]
    (y, x), (height, width) = case["planted_offset"], case["planted_shape"]
    patch, offset = optics.blur_footprint(
        planted[y : y + height, x : x + width],
        (y, x),
        planted.shape,
        case["sigma_px"],
        case["gain"],
    )
    assert offset == tuple(case["offset"])
    np.testing.assert_allclose(patch, reference["degraded_patch"], rtol=0, atol=2e-7)


def test_shifted_crops(reference, arguments):
    margin = arguments["crop_out"]["margin"]
    canvas = reference["crop_canvas"]
    fov_shape = tuple(n - 2 * margin for n in canvas.shape[1:])
    found = motion.shift_and_crop(canvas, reference["crop_shifts_px"], fov_shape)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference["crop_out"], rtol=0, atol=2e-6)


def test_counts_of_a_sensor(reference, arguments):
    case = arguments["counts_sequential"]
    counts = ImageSensor(**case["sensor"]).photons_to_counts(reference["photons"], rng_of(case))
    np.testing.assert_array_equal(counts, reference["counts_sequential"])


def test_signal_to_noise(arguments, reference):
    columns = np.array(arguments["snr"]["inputs"], float).T
    np.testing.assert_allclose(optics.detection_snr(*columns), reference["snr"], rtol=TIGHT)
