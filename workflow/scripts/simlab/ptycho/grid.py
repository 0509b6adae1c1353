"""Legacy grid mode: groups of neighboring patches on a regular grid of solution regions."""

import numpy as np

from simlab.core.errors import ConfigError, InputFileError
from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.inputs import as_complex64
from simlab.ptycho.objects import tanh_phase
from simlab.ptycho.photons import photon_scale

PHASES = ("tanh", "zero")


def group_geometry(shape, N, gridsize, offset, outer_offset):
    """Where the patches of all groups lie.

    Solution regions of side N + (gridsize - 1) offset tile the object with stride
    outer_offset // 2; in each lie gridsize x gridsize patches with stride `offset`, channel
    c = row * gridsize + column.

    Parameters
    ----------
    shape : (H, W)
        Object, px.
    N, gridsize, offset, outer_offset : int
        Patch side, patches along a side of a group, their distance, twice that of groups, px.

    Returns
    -------
    top_left : int64 (G, C, 2)
        (row, column) of the first pixel of every patch, groups row by row.
    coords_offsets : float64 (G, 1, 2, C)
        Group center minus patch center: [..., 0, c] = ((gridsize - 1)/2 - column) offset (x),
        [..., 1, c] = ((gridsize - 1)/2 - row) offset (y).
    """
    stride = outer_offset // 2
    for name, value in (
        ("N", N),
        ("gridsize", gridsize),
        ("offset", offset),
        ("outer_offset // 2", stride),
    ):
        if value < 1:
            raise ConfigError(f"grid_groups: {name} is {value}, it must be >= 1")
    region = N + (gridsize - 1) * offset
    if min(shape) < region:
        raise ConfigError(
            f"grid_groups: the object {tuple(shape)} is smaller than a solution region of "
            f"{region} px (N + (gridsize - 1) * offset)"
        )
    row, column = np.divmod(np.arange(gridsize**2), gridsize)
    starts = [np.arange(0, extent - region + 1, stride) for extent in shape]
    corners = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    top_left = (corners + offset * np.stack([row, column], axis=-1)).astype(np.int64)
    to_center = ((gridsize - 1) / 2 - np.stack([column, row])) * offset
    return top_left, np.tile(to_center, (len(top_left), 1, 1, 1))


def grid_groups(amplitude, N, *, gridsize, offset, outer_offset):
    """Groups of amplitude patches as the legacy grid mode cuts and scales them.

    Parameters
    ----------
    amplitude : float (H, W)
        Object amplitude, >= 0.
    N, gridsize, offset, outer_offset : int
        See `group_geometry`.

    Returns
    -------
    dict
        patches float32 (G, N, N, C), amplitude / norm_Y_I; norm_Y_I float, the mean over the
        groups of the largest amplitude in a group; coords_offsets float64 (G, 1, 2, C); top_left
        int64 (G, C, 2).
    """
    amplitude = np.asarray(amplitude)
    if amplitude.ndim != 2 or amplitude.dtype.kind not in "iuf":
        raise InputFileError(
            f"amplitude must be real and 2-D, found {amplitude.dtype} {amplitude.shape}"
        )
    top_left, coords_offsets = group_geometry(amplitude.shape, N, gridsize, offset, outer_offset)
    windows = np.lib.stride_tricks.sliding_window_view(amplitude, (N, N))
    largest = [max(windows[r, c].max() for r, c in group) for group in top_left]
    norm = float(np.mean(largest, dtype=np.float64))
    if not (np.isfinite(norm) and norm > 0):
        raise InputFileError(f"amplitude: the mean of the groups' maxima is {norm}, not > 0")
    scaled = (amplitude / norm).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(scaled, (N, N))
    patches = windows[top_left[..., 0], top_left[..., 1]]
    return {
        "patches": _channels_last(patches),
        "coords_offsets": coords_offsets,
        "norm_Y_I": norm,
        "top_left": top_left,
    }


def simulate_grid(
    amplitude,
    probe,
    *,
    N,
    gridsize,
    offset,
    outer_offset,
    nphotons=1e9,
    phase="tanh",
    seed=42,
    poisson=True,
):
    """Diffraction of the groups of `grid_groups`.

    The phase is that of `tanh_phase` of the undivided amplitude, or zero.

    Parameters
    ----------
    amplitude : float (H, W)
        Object amplitude.
    probe : complex (N, N) or (P, N, N)
        Probe or incoherent modes.
    nphotons : float
        Mean photons per pattern over all G*C patterns.
    phase : {"tanh", "zero"}
        Phase of the object.
    seed : int
        Seed of the counting noise; frame g*C + c is channel c of group g.
    poisson : bool
        Photon counting noise.

    Returns
    -------
    dict
        That of `grid_groups` and X float32 (G, N, N, C) normalized amplitude; Y complex64
        (G, N, N, C) divided object patches; intensity_scale float.
    """
    if phase not in PHASES:
        raise ConfigError(f"phase is {phase!r}, it must be one of {', '.join(PHASES)}")
    probe = as_complex64(probe, "probe")
    if probe.shape[-2:] != (N, N):
        raise InputFileError(f"probe has shape {probe.shape}, N is {N}")
    groups = grid_groups(amplitude, N, gridsize=gridsize, offset=offset, outer_offset=outer_offset)
    amplitude = np.asarray(amplitude)
    angle = tanh_phase(amplitude) if phase == "tanh" else np.float32(0)
    divided = (amplitude / groups["norm_Y_I"]).astype(np.float32)
    model = ForwardModel(
        (divided * np.exp(1j * angle)).astype(np.complex64),
        probe,
        seed=seed,
        nphotons=nphotons,
        detector={"nphotons": nphotons, "poisson": poisson},
    )
    shape = groups["top_left"].shape[:2]
    y, x = groups["top_left"].reshape(-1, 2).T + float(N // 2)
    power = model.power(x, y)
    scale = photon_scale(power, nphotons)
    frames = np.empty((x.size, N, N), np.float32)
    patches = np.empty((x.size, N, N), np.complex64)
    for _ in model.frames(
        x,
        y,
        intensity_scale=scale,
        mean_power=nphotons / scale**2,
        first_frame=0,
        statistics=False,
        into=(frames, patches),
    ):
        pass
    return groups | {
        "X": _channels_last(frames.reshape(*shape, N, N)),
        "Y": _channels_last(patches.reshape(*shape, N, N)),
        "intensity_scale": scale,
    }


def _channels_last(groups):
    """(G, C, N, N) -> (G, N, N, C)."""
    return np.ascontiguousarray(np.moveaxis(groups, 1, -1))
