"""Objects: the complex transmission function of the sample."""

import logging
import math
from numbers import Integral
from pathlib import Path

import numpy as np

from simlab.core.config import nearest, parse_config
from simlab.core.errors import ConfigError, InputFileError, PhysicsError
from simlab.ptycho.drawn_objects import (
    checkerboard,
    dead_leaves,
    diagonals,
    disk,
    flat,
    letters,
    lines,
    photograph_tile,
    points,
    siemens_star,
)
from simlab.ptycho.inputs import as_complex64, real_input, whole_number
from simlab.ptycho.kinds import OBJECT_PARAMS, UNGENERATED_SOURCES
from simlab.ptycho.noise_objects import blurred_white_noise, grf, grf_exact, perlin, white_noise
from simlab.ptycho.source_config import COMPLEX_KINDS
from simlab.ptycho.streams import stream

logger = logging.getLogger("simlab.ptycho")

SIZE_RANGE = (16, 65536)
SATURATED_BELOW = 128
TANH_FIXED = {"max_ref": 1.1, "mean_ref": 0.95}  # amplitudes of dead leaves
NO_PHASE = "object has no phase"

RANDOM_KINDS = {
    "lines": lines,
    "grf": grf,
    "grf_exact": grf_exact,
    "points": points,
    "diagonals": diagonals,
    "V": letters,
    "dead_leaves": dead_leaves,
    "white_noise": white_noise,
    "blurred_white_noise": blurred_white_noise,
    "perlin": perlin,
}
ANALYTIC_KINDS = {
    "flat": flat,
    "disk": disk,
    "siemens_star": siemens_star,
    "checkerboard": checkerboard,
}
TILE_KINDS = ("testimg", "testimg_reverse")


def sim_object_image(
    size, which="train", *, data_source=None, rng=None, seed=None, tile=0, **params
):
    """Amplitude map of a built-in kind (of complex kinds: the modulus).

    Parameters
    ----------
    size : int
        Side, px, 16..65536.
    which : "train" or "test"
        "test" counts the tiles of a photograph from its end; without meaning for other kinds.
    data_source : str, optional
        Kind; None = `params.get("data_source")` of the compatibility dictionary.
    rng : numpy.random.Generator or RandomState, optional
        Source of the draws; `RandomState(k)` gives the original tool's objects.
    seed : int, optional
        Without `rng`; None = `params.get("npseed")`.
    tile : int
        Tile of a photograph.
    **params
        Parameters of the kind (`kinds.OBJECT_PARAMS`).

    Returns
    -------
    float64 (size, size, 1)
        Amplitude.

    Raises
    ------
    ConfigError
        For an unknown kind, one that cannot be generated, a bad size or parameter.
    """
    if which not in ("train", "test"):
        raise ConfigError(f"which is {which!r}, valid: train, test")
    if data_source is None:
        data_source = _compatibility_default("data_source")
    if rng is None:
        rng = stream(_compatibility_default("npseed") if seed is None else seed, "ptycho.object")
    rng = _generator(rng)
    values = _generate(data_source, size, rng, params, tile=tile, from_end=which == "test")
    _warn(_kind_warnings(data_source, size))
    return (np.abs(values) if np.iscomplexobj(values) else values)[:, :, None]


def make_object(kind, size, *, seed=42, index=0, rng=None, phase="zero", params=None, **named):
    """A complex object of a built-in kind.

    Parameters
    ----------
    kind : str
        One of `kinds.OBJECT_PARAMS`.
    size, rng
        As in `sim_object_image`.
    params : mapping, optional
        Parameters of the kind (`kinds.OBJECT_PARAMS`), as in a configuration.
    **named
        The same as arguments; `index`, the exponent of `grf` and `grf_exact`, in `params` only.
        `tile` of a photograph is `index` if not given.
    seed : int
        Draws come from `core.random.generator(seed, "ptycho.object", index)` without `rng`.
    index : int
        Number of the object.
    phase : "zero", "tanh", "tanh_fixed" or "source"
        Phase rule: O = A; O = A exp(i tanh_phase(A)), with references from A or the fixed ones
        (1.1, 0.95); or the complex object of the kind itself, which configurations take for
        complex kinds.

    Returns
    -------
    complex64 (size, size)
    """
    whole_number(index, "index", 0)
    rng = stream(seed, "ptycho.object", index) if rng is None else _generator(rng)
    tile = named.pop("tile", index)
    values = _generate(kind, size, rng, {**(params or {}), **named}, tile=tile)
    values = apply_phase(values, phase)
    _warn(_kind_warnings(kind, size))
    return values


def _generator(rng):
    if not isinstance(rng, np.random.Generator | np.random.RandomState):
        raise TypeError(f"rng is {rng!r}, a numpy Generator or RandomState is expected")
    return rng


def make_lines_object(object_size, *, data_source="lines", seed=None):
    """Purely real object of a built-in kind, complex64 (object_size, object_size).

    `seed` None means 42.
    """
    return make_object(data_source, object_size, seed=42 if seed is None else seed)


def tanh_phase(amplitude, *, max_ref=None, mean_ref=None):
    """phi = pi tanh((A - max_ref/2) / (3 mean_ref)), float32, radians, in the shape of A.

    None takes maximum and mean of A itself.

    Errors: InputFileError for an amplitude that is empty or not finite everywhere, ConfigError
    for a reference that is not finite, PhysicsError where the mean is 0.
    """
    amplitude = np.asarray(amplitude, np.float64)
    bad = amplitude.size - np.count_nonzero(np.isfinite(amplitude))
    if bad or not amplitude.size:
        raise InputFileError(
            f"amplitude of a tanh phase: {bad} of {amplitude.size} entries are not finite"
        )
    for name, value in (("max_ref", max_ref), ("mean_ref", mean_ref)):
        if value is not None and not math.isfinite(value):
            raise ConfigError(f"{name} is {value}, a finite number is expected")
    max_ref = amplitude.max() if max_ref is None else max_ref
    mean_ref = amplitude.mean() if mean_ref is None else mean_ref
    if mean_ref == 0:
        raise PhysicsError("tanh phase: the mean amplitude is 0")
    return (np.pi * np.tanh((amplitude - max_ref / 2) / (3 * mean_ref))).astype(np.float32)


def apply_phase(values, rule):
    """complex64 object of the real or complex map `values` (H, W) by a phase rule."""
    if rule == "source":
        if not np.iscomplexobj(values):
            raise ConfigError(
                f"phase: source needs a kind with a phase of its own ({', '.join(COMPLEX_KINDS)}) "
                "or a file"
            )
        return values.astype(np.complex64)
    amplitude = np.abs(values) if np.iscomplexobj(values) else values
    if rule == "zero":
        return amplitude.astype(np.complex64)
    if rule not in ("tanh", "tanh_fixed"):
        raise ConfigError(f"phase is {rule!r}, valid: zero, tanh, tanh_fixed, source")
    phase = tanh_phase(amplitude, **(TANH_FIXED if rule == "tanh_fixed" else {}))
    return (amplitude * np.exp(1j * phase.astype(np.float64))).astype(np.complex64)


def as_object(array, name):
    """`array` as an object, complex64 (H, W), or (K, H, W) for K objects.

    Axes of length 1 are dropped, real numbers taken as complex of zero phase with a warning.

    Errors: InputFileError naming `name` for other shapes, what is not numeric or not finite.
    """
    return as_complex64(array, name)


def build_objects(spec, side, seed, source=None):
    """All objects of an `ObjectConfig`.

    Parameters
    ----------
    spec : ObjectConfig
    side : int or None
        Side of a built-in object, px.
    seed : int
        Seed of the data set; object o draws from stream index o, with `spec.legacy_seed` all
        draw one after the other from one RandomState.
    source : array, optional
        What was read from the file of kind: file.

    Returns
    -------
    objects : complex64 (H, W), or (K, H, W) for more than one
    record : dict
        What `object.json` holds.
    """
    record = {"kind": spec.kind, "phase": spec.phase_rule, "warnings": [], "notes": []}
    if spec.kind == "file":
        name = f"{Path(spec.file).name}: {spec.key}"
        if not np.iscomplexobj(source):
            record["warnings"].append(real_input(name))
        values = as_object(source, name)
        values = values if values.ndim == 3 else values[None]
        objects = np.stack([apply_phase(value, spec.phase_rule) for value in values])
        record |= {"file": Path(spec.file).name, "key": spec.key}
    else:
        record["warnings"] += _kind_warnings(spec.kind, side)
        _warn(record["warnings"])
        objects = np.stack(list(_generated(spec, side, seed)))
        record |= {"seed": seed, "legacy_seed": spec.legacy_seed, "params": _recorded(spec.params)}
    if not objects.imag.any():
        record["notes"].append(f"{NO_PHASE}: it is purely real")
    objects = objects if len(objects) > 1 else objects[0]
    amplitude, angle = np.abs(objects), np.angle(objects)
    record |= {
        "shape": list(objects.shape),
        "amplitude_range": [float(amplitude.min()), float(amplitude.max())],
        "phase_range_rad": [float(angle.min()), float(angle.max())],
    }
    return objects, record


def _generated(spec, side, seed):
    legacy = None
    if spec.legacy_seed is not None:
        legacy = stream(seed, "ptycho.object", legacy_seed=spec.legacy_seed)
    for index in range(spec.count):
        rng = legacy or stream(seed, "ptycho.object", index)
        yield apply_phase(_generate(spec.kind, side, rng, spec.params, tile=index), spec.phase_rule)


def _generate(kind, size, rng, params, *, tile=0, from_end=False):
    """Map of a built-in kind: float64 (amplitude) or complex128 (size, size)."""
    model = _model(kind)
    if isinstance(size, bool) or not isinstance(size, Integral):
        raise TypeError(f"size is {size!r}, a whole number of px is expected")
    low, high = SIZE_RANGE
    if not low <= size <= high:
        raise ConfigError(f"size is {size}, it must be {low}..{high} px")
    params = parse_config(model, params, f"parameters of kind {kind}").model_dump()
    if kind in TILE_KINDS:
        from_end = from_end or kind == "testimg_reverse"
        return photograph_tile(int(size), **params, tile=tile, from_end=from_end)
    if kind in ANALYTIC_KINDS:
        return ANALYTIC_KINDS[kind](int(size), **params)
    return RANDOM_KINDS[kind](int(size), rng, **params)


def _model(kind):
    if kind in UNGENERATED_SOURCES:
        raise ConfigError(
            f"data_source {kind!r} describes measured data and cannot be generated; use kind: file"
        )
    if kind not in OBJECT_PARAMS:
        raise ConfigError(
            f"object kind {kind!r} is unknown{nearest(kind, OBJECT_PARAMS)} "
            f"(valid: {', '.join(OBJECT_PARAMS)})"
        )
    return OBJECT_PARAMS[kind]


def _kind_warnings(kind, size):
    if kind == "lines" and size < SATURATED_BELOW:
        return [f"lines of size {size} are nearly saturated, {SATURATED_BELOW} px or more are not"]
    return []


def _warn(texts):
    for text in texts:
        logger.warning(text)


def _recorded(params):
    """Parameters as published: of a path only the name, since the rest belongs to one machine."""
    return params | ({"image": Path(params["image"]).name} if "image" in params else {})


def _compatibility_default(key):
    from simlab.ptycho.params import get

    return get(key)
