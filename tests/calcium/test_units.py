import numpy as np
import pytest

from simlab.calcium.footprints import FootprintStack
from simlab.calcium.spec import Acquisition, ImageSensor, Sensor
from simlab.calcium.units import detectable_cells, unit_index, vessel_overlap

CENTERS = np.array([[50.0, 0.0, 0.0], [50.0, -3.0, 4.0], [50.0, 3.0, -4.0]])
EMISSION = np.array([[1.0, 3.0], [1.0, 1.2], [1.0, 1.0]])


def acquisition_of(read_noise=0.0):
    return Acquisition(
        image_sensor=ImageSensor(
            n_px_height=7, n_px_width=9, pixel_pitch_um=8.0, read_noise_e=read_noise
        )
    )


def detectable(**other):
    settings = {
        "emission": EMISSION,
        "in_focus": np.array([True, False, True]),
        "brightness": np.ones(3),
        "photon_field": None,
        "transmission": None,
        "sensor": Sensor(photons_per_unit=10.0),
    }
    found = detectable_cells(acquisition_of(), CENTERS, **{**settings, **other})
    assert found.dtype == bool
    return found.tolist()


def test_boxes_that_touch_the_view_make_units():
    # a view of 6 x 8 px at (2, 2): left of it, above it, on its corners, below it, empty
    offsets = [(2, 0), (0, 3), (0, 0), (7, 9), (8, 4), (4, 4)]
    shapes = [(3, 2), (2, 3), (3, 3), (2, 2), (1, 2), (0, 0)]
    patches = [np.ones(shape) for shape in shapes]
    stack = FootprintStack.from_patches(patches, offsets, (10, 12))
    index = unit_index(stack, 2, (6, 8))
    assert index.tolist() == [2, 3]
    assert index.dtype == np.int32


def test_the_box_decides_even_if_no_lit_pixel_lies_in_the_view():
    corner = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    stack = FootprintStack.from_patches([corner], [(0, 0)], (10, 12))
    assert unit_index(stack, 1, (8, 10)).tolist() == [0]


def test_transients_of_three_standard_deviations_are_detectable():
    # G = 10 * 0.7 electrons: peaks of 14, 1.4, 0 over noise sqrt(7)
    assert detectable() == [True, False, False]
    assert 14 / np.sqrt(7) > 3 > 1.4 / np.sqrt(7)
    assert detectable(sensor=Sensor(photons_per_unit=400.0)) == [True, True, False]


@pytest.mark.parametrize("name", ["photon_field", "transmission"])
def test_shade_at_a_cell_hides_it(name):
    bright = {"sensor": Sensor(photons_per_unit=400.0)}
    shade = np.ones((7, 9))
    shade[3, 4] = 1e-4  # under the first cell
    assert detectable(**bright, **{name: shade}) == [False, True, False]


def test_dim_cells_are_not_detectable():
    bright = {"sensor": Sensor(photons_per_unit=400.0)}
    assert detectable(**bright, brightness=np.array([1e-4, 1.0, 1.0])) == [False, True, False]
    assert detectable(**bright, brightness=None) == [True, True, False]


def test_read_noise_hides_faint_cells():
    settings = {"in_focus": None, "brightness": None, "photon_field": None, "transmission": None}
    sensor = Sensor(photons_per_unit=400.0)
    loud = acquisition_of(read_noise=60.0)
    found = detectable_cells(loud, CENTERS, emission=EMISSION, sensor=sensor, **settings)
    assert found.tolist() == [True, False, False]


def test_without_a_sensor_focus_decides():
    assert detectable(sensor=None) == [True, False, True]
    assert detectable(sensor=None, in_focus=None) == [True, True, True]


def test_cells_without_traces_are_never_detectable():
    assert detectable(emission=None) == [False] * 3
    assert detectable(emission=None, sensor=None) == [False] * 3


def test_vessels_take_their_share_of_a_footprint():
    patches = [np.array([[1.0, 3.0]]), np.ones((2, 2)), np.zeros((0, 0)), np.zeros((1, 1))]
    stack = FootprintStack.from_patches(patches, [(0, 0), (1, 1), (0, 0), (3, 3)], (4, 4))
    mask = np.ones((4, 4))
    mask[0, 1] = 0.5
    mask[1:3, 1:3] = 0.25
    assert vessel_overlap(stack, mask) == pytest.approx([1.5 / 4, 0.75, 0.0, 0.0])
