"""Cells: where they lie and what they light."""

import warnings

import numpy as np

from simlab.calcium.footprints import FootprintStack
from simlab.calcium.kernels import footprints as kernels
from simlab.calcium.spec import SpecWarning


def neuron_footprint(
    shape,
    center_px,
    radius_px,
    irregularity,
    rng,
    *,
    morphology,
    dendrite_length_px,
    dendrite_width_px,
):
    """Planted weights of one cell.

    The soma is 1 within r (1 + irregularity n) of the center, n smooth noise of largest
    magnitude 1; dendrites of a "cytosolic" cell fade from 0.55 to 0.05 along their length.

    Parameters
    ----------
    shape : tuple of 2 int
        Height and width of the image, px.
    center_px : tuple of 2 float
        Row and column.
    radius_px, dendrite_length_px, dendrite_width_px : float
    irregularity : float
        In [0, 1]; 0 draws no numbers for the soma.
    rng : numpy.random.Generator
    morphology : "soma" or "cytosolic"

    Returns
    -------
    (H, W) float32
        A cell on the image that lights no pixel lights its nearest one.
    """
    length = float(dendrite_length_px) if morphology == "cytosolic" else 0.0
    patch, y, x = kernels.draw_neuron(
        *(rng, *shape, *map(float, center_px), float(radius_px)),
        *(float(irregularity), length, float(dendrite_width_px)),
    )
    image = np.zeros(shape, np.float32)
    image[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
    return image


def place_neurons(spec, rng):
    """Cells of all populations on the canvas.

    Parameters
    ----------
    spec : Spec
        With a place_neurons step.
    rng : numpy.random.Generator
        Draws all centers, population by population, then all footprints in the same order.

    Returns
    -------
    centers_um : (N, 3) float64
        Depth, y and x, µm.
    planted : FootprintStack
    """
    populations = spec.step("place_neurons").resolved_populations
    centers = [draw_centers(spec, population, rng) for population in populations]
    patches, offsets = [], []
    for population, points in zip(populations, centers, strict=True):
        for patch, y, x in _draw_footprints(spec, population, points, rng):
            patches.append(patch)
            offsets.append((y, x))
    planted = FootprintStack.from_patches(patches, offsets, spec.canvas_shape)
    return np.concatenate(centers), planted


def draw_centers(spec, population, rng):
    """Centers of one population: (n, 3) float64, depth, y and x in µm.

    Explicit positions, or uniform in the volume under the canvas; with `min_distance_um` a
    candidate too close to a cell of the population is dropped, and after max(1000, 100 n)
    candidates there are fewer cells than asked for, which is warned of.
    """
    if population.positions_um is not None:
        return np.array(population.positions_um, np.float64).reshape(-1, 3)
    count = spec.population_size(population)
    height, width = spec.canvas_um
    shallow, deep = population.depth_range_um
    low = np.array([shallow, -height / 2, -width / 2])
    high = np.array([deep, height / 2, width / 2])
    distance = population.min_distance_um
    if distance <= 0:
        return low + (high - low) * rng.random((count, 3))
    attempts = max(1000, 100 * count)
    points = kernels.place_apart(rng, low, high, distance, count, attempts)
    if len(points) < count:
        warnings.warn(
            f"place_neurons: min_distance_um = {distance:g} leaves room for {len(points)} of "
            f"{count} cells in {attempts} attempts",
            SpecWarning,
            stacklevel=2,
        )
    return points


def _draw_footprints(spec, population, centers_um, rng):
    shape, to_px = spec.canvas_shape, spec.acquisition.um_to_px
    rows, columns = spec.acquisition.um_to_index(centers_um[:, 1], centers_um[:, 2], shape)
    length = population.dendrite_length_um if population.morphology == "cytosolic" else 0.0
    soma = to_px(population.soma_radius_um), population.irregularity
    dendrites = to_px(length), to_px(population.dendrite_width_um)
    for row, column in zip(rows, columns, strict=True):
        yield kernels.draw_neuron(rng, *shape, row, column, *soma, *dendrites)
