"""Blood vessels that shade what lies below: branching trees, drawn as absorbing tubes."""

import math
from dataclasses import dataclass

import numpy as np

from simlab.calcium.filters import gaussian_filter
from simlab.calcium.kernels.vessels import add_capsules

# Heading of a root that enters through each side (top, bottom, left, right), in units of pi.
HEADINGS = ((0.25, 0.75), (1.25, 1.75), (-0.4, 0.4), (0.6, 1.4))


@dataclass(frozen=True)
class VesselGrowth:
    """How a vessel grows and branches; lengths in µm, angles in radians.

    Attributes
    ----------
    r0_um, min_radius_um : float
        Radius of the root, and below which a branch ends.
    branch_prob : float
        Probability of a side branch after each segment.
    tortuosity_rad : float
        Standard deviation of the change of direction after each segment.
    step_per_radius : float
        Length of a segment over its radius.
    branch_area_main : float
        Share of r^3 that the main branch keeps (Murray's law).
    branch_angle_rad : float
        Angle between a side branch of equal radius and its parent.
    max_segments : int
        Of one tree.
    """

    r0_um: float
    min_radius_um: float
    branch_prob: float
    tortuosity_rad: float
    step_per_radius: float
    branch_area_main: float
    branch_angle_rad: float
    max_segments: int = 2000


def murray_children(r, area_main):
    """Radii of the main and the side branch: r_main^3 + r_side^3 = r^3 (Murray 1926)."""
    return r * area_main ** (1 / 3), r * (1.0 - area_main) ** (1 / 3)


def grow_vessel_tree(bounds_um, root_um, heading_rad, growth, rng):
    """Segments of one vessel tree.

    Parameters
    ----------
    bounds_um : tuple of 2 float
        Height and width of the canvas; a branch ends with the segment that leaves it.
    root_um : tuple of 2 float
        y and x of the first point.
    heading_rad : float
        Direction of the first segment: dy = sin, dx = cos.
    growth : VesselGrowth
    rng : numpy.random.Generator

    Returns
    -------
    (n, 5) float64
        y0, x0, y1, x1 and radius of each segment, µm.
    """
    height, width = bounds_um
    segments = []
    stack = [(*root_um, heading_rad, growth.r0_um)]
    while stack:
        y, x, heading, r = stack.pop()
        while r >= growth.min_radius_um and len(segments) < growth.max_segments:
            step = growth.step_per_radius * r
            start = y, x
            y += step * math.sin(heading)
            x += step * math.cos(heading)
            segments.append((*start, y, x, r))
            if not (0 <= y <= height and 0 <= x <= width):
                break
            heading += rng.normal(0.0, growth.tortuosity_rad)
            if rng.random() < growth.branch_prob:
                main, side = murray_children(r, growth.branch_area_main)
                turn = growth.branch_angle_rad * (-1.0 if rng.random() < 0.5 else 1.0)
                stack.append((y, x, heading + turn * (r / side), side))
                heading -= turn
                r = main
    return np.array(segments).reshape(-1, 5)


def rasterize_vessels(segments_um, shape, pixel_size_um):
    """Length of the way through vessels at every pixel, µm.

    A segment is a capsule: where the distance d to its axis is below the radius r it adds
    2 sqrt(r^2 - d^2). Overlapping segments add.

    Parameters
    ----------
    segments_um : (n, 5) array
        See `grow_vessel_tree`; pixel (i, j) lies at i, j times the pixel size.
    shape : tuple of 2 int
    pixel_size_um : float

    Returns
    -------
    (H, W) float64
    """
    path = np.zeros(shape)
    add_capsules(np.asarray(segments_um, np.float64).reshape(-1, 5) / pixel_size_um, path)
    return path * pixel_size_um


def vessels_to_mask(path_um, opacity, absorption_per_um):
    """Transmission 1 - opacity (1 - exp(-absorption path)), in [1 - opacity, 1]."""
    return 1.0 - opacity * -np.expm1(-absorption_per_um * np.asarray(path_um, np.float64))


def draw_vessels(step, acquisition, canvas_shape, focal_depth_um, rng):
    """Transmission of all layers of vessels, each blurred as its depth demands.

    Parameters
    ----------
    step : Vasculature
    acquisition : Acquisition
    canvas_shape : tuple of 2 int
    focal_depth_um : float
    rng : numpy.random.Generator
        Draws side, place and direction of each root, then its tree.

    Returns
    -------
    (Hc, Wc) float64
    """
    optics, tissue = acquisition.optics, acquisition.tissue
    mask = np.ones(canvas_shape)
    for layer in step.layers:
        blur_um = math.hypot(
            optics.diffraction_sigma_um,
            tissue.scatter_sigma_um(layer.depth_um),
            optics.defocus_sigma_um(layer.depth_um, focal_depth_um),
        )
        path = _draw_layer(layer, acquisition.pixel_size_um, canvas_shape, rng)
        sharp = vessels_to_mask(path, layer.opacity, layer.absorption_per_um)
        blurred = gaussian_filter(sharp, acquisition.um_to_px(blur_um), "nearest")
        mask *= np.minimum(blurred, 1.0)  # rounding could make clear tissue shine
    return mask


def _draw_layer(layer, pixel_size_um, canvas_shape, rng):
    height, width = (n * pixel_size_um for n in canvas_shape)
    growth = VesselGrowth(
        r0_um=layer.root_radius_um,
        min_radius_um=layer.min_radius_um,
        branch_prob=layer.branch_prob,
        tortuosity_rad=math.radians(layer.tortuosity_deg),
        step_per_radius=layer.step_per_radius,
        branch_area_main=layer.branch_area_main,
        branch_angle_rad=math.radians(layer.branch_angle_deg),
    )
    trees = []
    for _ in range(layer.n_roots):
        side = rng.integers(4)
        if side < 2:
            root = (height if side else 0.0), rng.uniform(0.0, width)
        else:
            y = rng.uniform(0.0, height)
            root = y, (width if side == 3 else 0.0)
        low, high = HEADINGS[side]
        heading = rng.uniform(low * math.pi, high * math.pi)
        trees.append(grow_vessel_tree((height, width), root, heading, growth, rng))
    return rasterize_vessels(np.concatenate(trees), canvas_shape, pixel_size_um)
