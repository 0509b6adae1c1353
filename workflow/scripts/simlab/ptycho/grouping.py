"""Groups of neighboring frames for models that see gridsize x gridsize frames at a time.

With `legacy=True` the draws are those of `RandomState(seed)` in the original tool's order;
otherwise those of the stream "ptycho.grouping" in the same order.
"""

import logging
import math
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree

from simlab.core.errors import ConfigError, PhysicsError
from simlab.core.random import check_seed
from simlab.ptycho import histogram
from simlab.ptycho.inputs import whole_number
from simlab.ptycho.patches import as_positions
from simlab.ptycho.streams import MAX_LEGACY_SEED, stream

logger = logging.getLogger("simlab.ptycho")

# Distances that differ by less are ties: a raster's pitch is not exact in floating point.
DISTANCE_DECIMALS = 9


def neighbor_groups(
    x,
    y,
    *,
    gridsize=1,
    K=4,
    nsamples=1,
    seed=None,
    sequential_sampling=False,
    enable_oversampling=False,
    neighbor_pool_size=None,
    include_seed=True,
    legacy=False,
):
    """Frames of every group.

    Parameters
    ----------
    x, y : (M,) float64
        Scan positions, px.
    gridsize : int
        Groups have C = gridsize^2 frames.
    K : int
        Nearest neighbors to draw from, K >= C.
    nsamples : int
        Groups; more than M need `enable_oversampling` (with C > 1).
    seed : int, optional
        None = 42.
    sequential_sampling : bool
        Seed frames are 0, 1, ... instead of drawn ones; the generator is seeded with 0.
    enable_oversampling, neighbor_pool_size : bool, int
        Draw groups from all combinations of the `neighbor_pool_size` (default K) nearest.
    include_seed : bool
        The seed frame is the first of its group; never in legacy mode.
    legacy : bool

    Returns
    -------
    nn_indices : (B, C) int64
    sample_indices : (B,) int64 or None
        Seed frames where they are a selection; None with oversampling or when all are taken.
    """
    positions = np.stack(as_positions(x, y), axis=1)
    channels = _check_numbers(len(positions), gridsize, K, nsamples, neighbor_pool_size)
    rng = _generator(0 if sequential_sampling else seed, legacy)
    include_seed = include_seed and not legacy
    if nsamples > len(positions) and channels > 1:
        pool = K if neighbor_pool_size is None else neighbor_pool_size
        if not enable_oversampling or pool < channels:
            raise ConfigError(
                f"{nsamples} groups of {channels} from {len(positions)} frames: pass "
                f"enable_oversampling=True and a neighbor_pool_size (now {pool}) >= {channels}"
            )
        return _oversampled(positions, channels, pool, nsamples, rng, include_seed, legacy), None
    seeds, sampled = _seed_frames(len(positions), nsamples, sequential_sampling, rng)
    if channels == 1:
        return seeds[:, None], sampled
    groups = np.empty((len(seeds), channels), np.int64)
    rows = _neighbors(positions, seeds, K, keep_seed=not include_seed, legacy=legacy)
    for group, frame, near in zip(groups, seeds, rows, strict=True):
        if include_seed:
            group[0] = frame
            group[1:] = rng.choice(near, channels - 1, replace=False)
        else:
            group[:] = rng.choice(near, channels, replace=False)
    return groups, sampled


def _check_numbers(frames, gridsize, K, nsamples, neighbor_pool_size):
    for name, value in (("gridsize", gridsize), ("K", K), ("nsamples", nsamples)):
        whole_number(value, name, 1)
    if neighbor_pool_size is not None:
        whole_number(neighbor_pool_size, "neighbor_pool_size", 1)
    channels = gridsize**2
    if frames < channels:
        raise ConfigError(f"{frames} frames are fewer than gridsize^2 = {channels}")
    if channels > K:
        raise ConfigError(f"K is {K}, it must be >= gridsize^2 = {channels}")
    return channels


def _generator(seed, legacy):
    seed = 42 if seed is None else seed
    check_seed(seed)
    if legacy and seed > MAX_LEGACY_SEED:
        raise ConfigError(f"seed is {seed}, with legacy=True it must be 0..{MAX_LEGACY_SEED}")
    return stream(seed, "ptycho.grouping", legacy_seed=seed if legacy else None)


def _seed_frames(frames, nsamples, sequential, rng):
    if nsamples > frames:
        logger.warning("%d groups asked for, there are %d frames: one a frame", nsamples, frames)
    if nsamples >= frames:
        return np.arange(frames), None
    if sequential:
        seeds = np.arange(nsamples)
    else:
        seeds = rng.choice(np.arange(frames), nsamples, replace=False)
    return seeds, seeds


def _neighbors(positions, seeds, K, *, keep_seed, legacy):
    """The K nearest frames of every seed frame, nearest first, without itself.

    With `keep_seed`, all frames are neighbors when there are no more than K of them.
    """
    frames = len(positions)
    if legacy:
        _, near = cKDTree(positions).query(positions[seeds], k=min(K + 1, frames))
        return near if frames <= K else near[:, 1:]
    if keep_seed and frames <= K:
        return _sorted_neighbors(positions, seeds, frames, drop_seed=False)
    return _sorted_neighbors(positions, seeds, min(K, frames - 1), drop_seed=True)


def _sorted_neighbors(positions, seeds, count, *, drop_seed):
    """The `count` nearest by (distance, index)."""
    tree = cKDTree(positions)
    reach = min(count + drop_seed, len(positions))
    farthest = tree.query(positions[seeds], k=[reach])[0][:, 0]
    margin = 10.0**-DISTANCE_DECIMALS
    for frame, radius in zip(seeds, farthest, strict=True):
        near = np.array(tree.query_ball_point(positions[frame], radius + margin))
        near = near[near != frame] if drop_seed else near
        step = positions[near] - positions[frame]
        distance = np.round(np.hypot(step[:, 0], step[:, 1]), DISTANCE_DECIMALS)
        yield near[np.lexsort((near, distance))][:count]


def _oversampled(positions, channels, pool_size, nsamples, rng, include_seed, legacy):
    """Groups drawn from all combinations of the neighbors of some seed frames."""
    frames = len(positions)
    drawn = channels - 1 if include_seed else channels
    if min(pool_size, frames - 1) < drawn:
        raise ConfigError(
            f"{frames} frames give {frames - 1} neighbors, groups of {channels} need {drawn}"
        )
    needed = math.ceil(nsamples / math.comb(pool_size, drawn))
    n_seeds = min(2 * needed, frames)
    if n_seeds == frames:
        seeds = np.arange(frames)
    else:
        seeds = rng.choice(np.arange(frames), n_seeds, replace=False)
    pool = []
    rows = _pool_neighbors(positions, seeds, min(pool_size, frames - 1), legacy)
    for frame, near in zip(seeds, rows, strict=True):
        first = (int(frame),) if include_seed else ()
        for others in combinations(near.tolist(), drawn):
            pool.append((*first, *others))
            if len(pool) == 2 * nsamples:
                break
        if len(pool) == 2 * nsamples:
            break
    chosen = rng.choice(len(pool), nsamples, replace=len(pool) < nsamples)
    return np.array(pool, np.int64)[chosen]


def _pool_neighbors(positions, seeds, count, legacy):
    if not legacy:
        return _sorted_neighbors(positions, seeds, count, drop_seed=True)
    _, near = cKDTree(positions).query(positions[seeds], k=count + 1)
    return (row[row != frame][:count] for frame, row in zip(seeds, near, strict=True))


def group_coordinates(x, y, nn_indices):
    """Coordinates of groups.

    Parameters
    ----------
    x, y : (M,) float64
    nn_indices : (B, C) int64

    Returns
    -------
    coords_nn : (B, 1, 2, C) float64
        [:, 0, 0] = x, [:, 0, 1] = y.
    coords_offsets : (B, 1, 2, 1) float64
        Mean over the group.
    coords_relative : (B, 1, 2, C) float64
        -(coords_nn - coords_offsets).
    """
    nn = np.stack([np.asarray(x)[nn_indices], np.asarray(y)[nn_indices]], axis=1)[:, None]
    offsets = nn.mean(axis=3, keepdims=True)
    return nn, offsets, -(nn - offsets)


def full_scale(sum_sq, nn_indices, N):
    """q = sqrt((N/2)^2 / mean over groups and channels of sum_rc diffraction^2), a float.

    `sum_sq` float64 (M,) is the sum of squares of every frame. PhysicsError where it is 0 in all
    of them.
    """
    mean = float(np.mean(np.asarray(sum_sq)[nn_indices]))
    if not mean > 0:
        raise PhysicsError(
            f"no counts in the {len(nn_indices)} groups: all frames are dark, X_full has no scale"
        )
    return histogram.full_scale(N, mean)


def flat_to_channel(flat, gridsize):
    """(B*C, N, N, 1) -> (B, N, N, C), C = gridsize^2."""
    channels = gridsize**2
    groups = flat.reshape(len(flat) // channels, channels, *flat.shape[1:3])
    return groups.transpose(0, 2, 3, 1)


def channel_to_flat(channel):
    """(B, N, N, C) -> (B*C, N, N, 1)."""
    groups = channel.transpose(0, 3, 1, 2)
    return groups.reshape(-1, *groups.shape[2:], 1)


def flat_to_grid(flat, gridsize):
    """(B*C, N, N, 1) -> (B, g, g, N, N, 1); channel c is at row c // g, column c % g."""
    return flat.reshape(len(flat) // gridsize**2, gridsize, gridsize, *flat.shape[1:3], 1)


def grid_to_flat(grid):
    """(B, g, g, N, N, 1) -> (B*C, N, N, 1)."""
    return grid.reshape(-1, *grid.shape[3:])


def grid_to_channel(grid):
    """(B, g, g, N, N, 1) -> (B, N, N, C)."""
    return flat_to_channel(grid_to_flat(grid), grid.shape[1])


def channel_to_grid(channel, gridsize):
    """(B, N, N, C) -> (B, g, g, N, N, 1)."""
    return flat_to_grid(channel_to_flat(channel), gridsize)
