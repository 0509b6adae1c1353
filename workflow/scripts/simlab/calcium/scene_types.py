"""What a scene holds: everything of a recording except its movie.

Arrays of cells run over all N cells of the canvas, those in the margin too; arrays of maps cover
the canvas (Hc, Wc) or the field of view (H, W). What a recording lacks is None.
"""

import warnings
from dataclasses import dataclass, field

import numpy as np
from pydantic import ValidationError

from simlab import __version__
from simlab.calcium.errors import RecordingFileError
from simlab.calcium.files.layout import in_file_order
from simlab.calcium.files.scenes import read_scene, write_scene
from simlab.calcium.footprints import FootprintStack
from simlab.calcium.spec import Spec, SpecWarning

CELL_ARRAYS = ("centers_um", "amplitude", "sigma_px", "gain", "brightness", "C", "B", "emission")


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of the canvas.

    Attributes
    ----------
    centers_um : float64 (N, 3)
        Depth z, y and x, µm.
    amplitude : float64 (N,) or None
        Brightness of each cell, NaN-free; None without activity.
    sigma_px, gain, brightness : float64 (N,) or None
        Blur, px; collected fraction; peak of a point source. None without optics.
    in_focus : bool (N,) or None
    planted, observed : FootprintStack
        Footprints before and after optics; `observed` is None without optics.
    C, S : float64 (N, T), uint16 (N, T), or None
        Calcium and spikes per frame.
    B : float64 (N, T) or None
        Unbleached fraction.
    emission : float32 (T, N), array or RowReader, or None
        What the movie is made of: C or the saturated emission, times B. None without composite
        or without traces.
    """

    centers_um: np.ndarray
    amplitude: np.ndarray | None
    sigma_px: np.ndarray | None
    gain: np.ndarray | None
    brightness: np.ndarray | None
    in_focus: np.ndarray | None
    planted: FootprintStack
    observed: FootprintStack | None
    C: np.ndarray | None
    S: np.ndarray | None
    B: np.ndarray | None
    emission: object | None

    def __len__(self):
        return len(self.centers_um)

    @property
    def seen(self):
        """Footprints that the movie shows: the observed ones, or the planted ones."""
        return self.planted if self.observed is None else self.observed


@dataclass(frozen=True, eq=False)
class NeuropilField:
    """K background fields: spatial float64 (K, Hc, Wc), temporal (K, T), population (T,) or None.

    `temporal` may be a RowReader; frames t0 to t1 of it are `temporal[:, t0:t1]`.
    """

    spatial: np.ndarray
    temporal: np.ndarray
    population: np.ndarray | None


@dataclass(frozen=True, eq=False)
class VesselMask:
    """Transmission of the vessels: float64 (Hc, Wc), 1 where there is none."""

    mask: np.ndarray


@dataclass(frozen=True, eq=False)
class Motion:
    """Displacement of the content, px (down, right): float64 (T, 2), array or RowReader."""

    shifts: object


@dataclass(frozen=True, eq=False)
class Fields:
    """Fields of the sensor, float64 (H, W) each, None where the step is absent or did not run."""

    illumination: np.ndarray | None = None
    vignette: np.ndarray | None = None
    leakage: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Units:
    """Cells that the ground truth keeps.

    index int32 (n,) into the cells, detectable bool (n,), vessel_overlap float64 (n,) or None.
    """

    index: np.ndarray
    detectable: np.ndarray
    vessel_overlap: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Scene:
    """One recording without its movie; `simlab.calcium.scene.build_scene` makes it.

    Attributes
    ----------
    spec : Spec
    margin : int
        Pixels of canvas around the field of view, on each side.
    n_frames : int
    cells, neuropil, vessel, motion, fields, unit
        See the classes above; neuropil, vessel and motion are None where absent.
    focal_depth_um : float or None
        None without optics.
    noise_key : uint32 (2,)
        Key of the counter noise.
    rng_state : dict
        State of the sequential generator (PCG64) after all draws of the steps.
    ext : dict of str to array
        Truth of the extensions: exposure (T,) f8, emission (N, T) f8, hot_pixels (H, W) u2,
        dropped (T,) bool.
    until : str or None
        Stage (name or kind) after which the steps stopped; None if all ran.
    """

    spec: object
    margin: int
    n_frames: int
    cells: Cells
    neuropil: NeuropilField | None
    vessel: VesselMask | None
    motion: Motion | None
    fields: Fields
    unit: Units
    focal_depth_um: float | None
    noise_key: np.ndarray
    rng_state: dict
    ext: dict = field(default_factory=dict)
    until: str | None = None

    @property
    def n_units_canvas(self):
        """Number of cells on the canvas, N."""
        return len(self.cells)

    @property
    def fov_shape(self):
        """Height and width of the sensor, px."""
        sensor = self.spec.acquisition.image_sensor
        return sensor.n_px_height, sensor.n_px_width

    @property
    def canvas_shape(self):
        """Height and width of the canvas, px."""
        height, width = self.fov_shape
        return height + 2 * self.margin, width + 2 * self.margin

    def save(self, path):
        """Write the scene to a file; see `files.scenes` for its content."""
        write_scene(path, *_content_of(self))

    @staticmethod
    def load(path):
        """The scene in a file; emission, temporal and shifts are read when frames need them.

        Raises MissingFileError, or RecordingFileError for anything but an intact scene file.
        """
        groups, attributes = read_scene(path)
        try:
            return _scene_of(groups, attributes)
        except KeyError as missing:
            raise RecordingFileError(f"{path}: {missing.args[0]!r} is missing") from None
        except ValidationError as error:
            text = " ".join(str(error).split())
            raise RecordingFileError(f"{path}: spec_json is no specification ({text})") from None


def _content_of(scene):
    """(groups, attributes) of the scene's file."""
    cells = scene.cells
    groups = {
        "cells": {
            **{name: getattr(cells, name) for name in CELL_ARRAYS},
            "in_focus": _as(np.uint8, cells.in_focus),
            "S": _as(np.uint16, cells.S),
            "planted": _stack_content(cells.planted),
            "observed": None if cells.observed is None else _stack_content(cells.observed),
        },
        "neuropil": _content(scene.neuropil, "spatial", "temporal", "population"),
        "vessel": _content(scene.vessel, "mask"),
        "motion": _content(scene.motion, "shifts"),
        "fields": _content(scene.fields, "illumination", "vignette", "leakage"),
        "unit": {
            "index": scene.unit.index,
            "detectable": _as(np.uint8, scene.unit.detectable),
            "vessel_overlap": scene.unit.vessel_overlap,
        },
        "ext": in_file_order(scene.ext),
    }
    attributes = {
        "spec_json": scene.spec.model_dump_json(),
        "spec_cache_key": scene.spec.cache_key(),
        "software_version": __version__,
        "margin": scene.margin,
        "n_frames": scene.n_frames,
        "n_units_canvas": scene.n_units_canvas,
        "focal_depth_um": scene.focal_depth_um,
        "noise_key": scene.noise_key,
        "rng_state": scene.rng_state,
        "until": scene.until or "",
    }
    return groups, attributes


def parse_spec(spec_json):
    """The Spec of a canonical JSON text; advice about it was given when it was made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpecWarning)
        return Spec.model_validate_json(spec_json)


def _scene_of(groups, attributes):
    spec = parse_spec(attributes["spec_json"])
    cells, unit = groups["cells"], groups["unit"]
    shape = spec.canvas_shape
    seen = cells.get("observed")
    neuropil, vessel, motion = (groups.get(name) for name in ("neuropil", "vessel", "motion"))
    return Scene(
        spec=spec,
        margin=attributes["margin"],
        n_frames=attributes["n_frames"],
        cells=Cells(
            **{name: cells.get(name) for name in CELL_ARRAYS},
            in_focus=_as(bool, cells.get("in_focus")),
            S=cells.get("S"),
            planted=FootprintStack(**cells["planted"], canvas_shape=shape),
            observed=None if seen is None else FootprintStack(**seen, canvas_shape=shape),
        ),
        neuropil=neuropil
        and NeuropilField(neuropil["spatial"], neuropil["temporal"], neuropil.get("population")),
        vessel=vessel and VesselMask(vessel["mask"]),
        motion=motion and Motion(motion["shifts"]),
        fields=Fields(**groups.get("fields", {})),
        unit=Units(unit["index"], unit["detectable"].astype(bool), unit.get("vessel_overlap")),
        focal_depth_um=attributes.get("focal_depth_um"),
        noise_key=attributes["noise_key"],
        rng_state=attributes["rng_state"],
        ext=groups.get("ext", {}),
        until=attributes["until"] or None,
    )


def _content(part, *names):
    present = {} if part is None else {name: getattr(part, name) for name in names}
    return {name: values for name, values in present.items() if values is not None}


def _stack_content(stack):
    return {"offsets": stack.offsets, "shapes": stack.shapes, "data": stack.data}


def _as(dtype, values):
    return None if values is None else np.asarray(values).astype(dtype)
