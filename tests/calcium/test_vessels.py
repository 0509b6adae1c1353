import math

import numpy as np
import pytest

from simlab.calcium.filters import gaussian_filter
from simlab.calcium.spec import Acquisition, ImageSensor, Optics, Vasculature, VesselLayer
from simlab.calcium.vessels import (
    HEADINGS,
    VesselGrowth,
    draw_vessels,
    grow_vessel_tree,
    murray_children,
    rasterize_vessels,
    vessels_to_mask,
)

GROWTH = VesselGrowth(
    r0_um=8.0,
    min_radius_um=1.5,
    branch_prob=0.25,
    tortuosity_rad=0.1,
    step_per_radius=1.5,
    branch_area_main=0.7,
    branch_angle_rad=0.5,
)


@pytest.mark.parametrize("share", [0.51, 0.7, 0.99])
def test_branches_keep_the_cubed_radius(share):
    main, side = murray_children(7.0, share)
    assert main**3 + side**3 == pytest.approx(343.0)
    assert main > side


def test_the_way_through_a_straight_tube_is_its_diameter():
    path = rasterize_vessels([[20.0, 10.0, 20.0, 60.0, 6.0]], (21, 40), 2.0)
    assert path[10, 5:31] == pytest.approx(12.0)
    assert path[12, 10] == pytest.approx(2 * math.sqrt(36 - 16))
    assert path[13, 5:31].tolist() == [0.0] * 26
    assert path[10, 3] == pytest.approx(2 * math.sqrt(36 - 16))


def test_overlapping_segments_add():
    segment = [5.0, 0.0, 5.0, 20.0, 3.0]
    one, two = (rasterize_vessels([segment] * n, (11, 21), 1.0) for n in (1, 2))
    np.testing.assert_allclose(two, 2 * one)


def test_a_segment_without_length_is_a_ball():
    path = rasterize_vessels([[5.0, 6.0, 5.0, 6.0, 4.0]], (11, 13), 1.0)
    rows, columns = np.indices(path.shape)
    inside = 16.0 - (rows - 5) ** 2 - (columns - 6) ** 2
    np.testing.assert_allclose(path, 2 * np.sqrt(np.maximum(inside, 0)), rtol=1e-12)


def test_segments_beyond_the_canvas_leave_it_clear():
    assert not rasterize_vessels([[-50.0, 0.0, -40.0, 9.0, 5.0]], (9, 9), 1.0).any()
    assert rasterize_vessels(np.zeros((0, 5)), (3, 4), 1.0).shape == (3, 4)


def test_transmission_falls_from_one_to_one_minus_opacity():
    mask = vessels_to_mask(np.array([0.0, 10.0, 1e6]), 0.8, 0.05)
    np.testing.assert_allclose(mask, [1.0, 1 - 0.8 * (1 - math.exp(-0.5)), 0.2], rtol=1e-12)


def test_trees_are_connected_and_end_where_they_are_thin_or_leave():
    tree = grow_vessel_tree((80.0, 90.0), (0.0, 40.0), 1.4, GROWTH, np.random.default_rng(0))
    starts, ends, radii = tree[:, :2], tree[:, 2:4], tree[:, 4]
    assert starts[0].tolist() == [0.0, 40.0]
    assert radii[0] == 8.0
    assert radii.min() >= 1.5
    np.testing.assert_allclose(np.hypot(*(ends - starts).T), 1.5 * radii)
    for start in starts[1:]:
        assert (ends[: len(tree)] == start).all(axis=1).any()
    assert ((starts >= 0) & (starts <= (80, 90))).all()


def test_a_straight_root_without_branches_crosses_the_canvas():
    growth = VesselGrowth(8.0, 1.0, 0.0, 0.0, 2.0, 0.7, 0.5)
    tree = grow_vessel_tree(
        (100.0, 50.0), (0.0, 20.0), math.pi / 2, growth, np.random.default_rng(0)
    )
    np.testing.assert_allclose(tree[:, 2], 16.0 * np.arange(1, 8))
    np.testing.assert_allclose(tree[:, 3], 20.0)


def test_thin_roots_do_not_grow_and_trees_stop_at_their_limit():
    thin = VesselGrowth(1.0, 1.5, 0.2, 0.1, 1.5, 0.7, 0.5)
    rng = np.random.default_rng(0)
    assert grow_vessel_tree((50.0, 50.0), (0.0, 20.0), 1.4, thin, rng).shape == (0, 5)
    short = VesselGrowth(8.0, 0.1, 0.2, 0.1, 1.5, 0.7, 0.5, max_segments=9)
    assert len(grow_vessel_tree((1e9, 1e9), (5e8, 5e8), 1.4, short, rng)) == 9


def acquisition_of(height=40, width=56):
    return Acquisition(
        optics=Optics(na=0.3),
        image_sensor=ImageSensor(n_px_height=height, n_px_width=width, pixel_pitch_um=16.0),
    )


def test_layers_are_drawn_one_after_the_other_blurred_and_multiplied():
    acquisition, shape = acquisition_of(), (40, 56)
    layers = [
        VesselLayer(depth_um=30.0, n_roots=2, root_radius_um=9.0, branch_prob=0.3),
        VesselLayer(depth_um=90.0, n_roots=5, root_radius_um=5.0, opacity=0.5, tortuosity_deg=20.0),
    ]
    step = Vasculature(enabled=True, layers=layers)
    mask = draw_vessels(step, acquisition, shape, 70.0, np.random.default_rng(6))
    rng, expected = np.random.default_rng(6), np.ones(shape)
    height, width = 80.0, 112.0
    for layer in layers:
        segments = []
        for _ in range(layer.n_roots):
            side = rng.integers(4)
            along = rng.uniform(0, (width, width, height, height)[side])
            root = ((0.0, along), (height, along), (along, 0.0), (along, width))[side]
            heading = rng.uniform(*(math.pi * x for x in HEADINGS[side]))
            growth = VesselGrowth(
                *(layer.root_radius_um, layer.min_radius_um, layer.branch_prob),
                *(math.radians(layer.tortuosity_deg), layer.step_per_radius),
                *(layer.branch_area_main, math.radians(layer.branch_angle_deg)),
            )
            segments.append(grow_vessel_tree((height, width), root, heading, growth, rng))
        path = rasterize_vessels(np.concatenate(segments), shape, 2.0)
        sharp = vessels_to_mask(path, layer.opacity, layer.absorption_per_um)
        diffraction, scatter = 0.21 * 0.525 / 0.3, 0.05 * layer.depth_um
        sigma = math.sqrt(diffraction**2 + scatter**2 + (0.3 * (layer.depth_um - 70.0)) ** 2)
        expected *= gaussian_filter(sharp, sigma / 2.0, "nearest")
    np.testing.assert_allclose(mask, expected, rtol=1e-12)
    assert mask.max() <= 1.0
    assert (1 - 0.85) * (1 - 0.5) <= mask.min() < 0.9


def test_clear_tissue_never_shines():
    thin = {
        "root_radius_um": 2.01,
        "min_radius_um": 2.005,
        "n_roots": 1,
        "absorption_per_um": 1e-300,
    }
    for depth in range(10, 200, 10):
        step = Vasculature(enabled=True, layers=[VesselLayer(depth_um=float(depth), **thin)])
        mask = draw_vessels(step, acquisition_of(), (40, 56), 0.0, np.random.default_rng(0))
        assert mask.max() <= 1.0
        assert mask.min() == pytest.approx(1.0, abs=1e-13)


def test_roots_enter_through_all_sides():
    step = Vasculature(
        enabled=True,
        layers=[VesselLayer(n_roots=1, root_radius_um=4.0, tortuosity_deg=0.0, branch_prob=0.0)],
    )
    touched = set()
    for seed in range(24):
        shade = 1 - draw_vessels(
            step, acquisition_of(40, 40), (40, 40), 30.0, np.random.default_rng(seed)
        )
        edges = (shade[0].max(), shade[-1].max(), shade[:, 0].max(), shade[:, -1].max())
        touched |= {name for name, edge in zip("tblr", edges, strict=True) if edge > 0.05}
    assert touched == set("tblr")
