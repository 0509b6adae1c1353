"""One row of a table: its picture, and the roulette amplitudes recovered from it."""

import warnings
from dataclasses import dataclass, field

import numpy as np

from simlab.lensing.cases import case_of
from simlab.lensing.doubts import column_doubts, lens_doubts, source_doubts
from simlab.lensing.drawing import Drawing, observed
from simlab.lensing.errors import LensingWarning
from simlab.lensing.postprocess import center_of_light, edge_flux
from simlab.lensing.recovery import Recovery, columns_of_row
from simlab.lensing.rows import with_our_names
from simlab.lensing.settings import as_settings
from simlab.lensing.status import status_of

EDGE_FLUX = 1e-3


@dataclass(frozen=True)
class Simulation:
    """What became of a row.

    Attributes
    ----------
    image : float32 or uint8 (H, W[, 3])
        Centered and cropped as the settings say; not quantized.
    original : float32 or uint8 (n, n[, 3])
        Before both.
    center : complex
        Center of light of the original, px; 0 if the picture is not centered.
    mask : bool (H, W) or None
        Where the picture was drawn; None where all of it was.
    status : str
    columns : dict
        All columns of the roulette table, "" where there is nothing.
    eta : complex
        Source position in the original frame, px.
    xi : complex or None
        Apparent position in the original frame, px.
    reference : complex or None
        Reference point in the original frame, angular, px.
    r_conv : float
        Smallest radius of convergence about it, angular, px; 0 without one.
    amplitudes : complex128 (N+1, N+2) or None
        Angular, at the reference point.
    """

    image: np.ndarray
    original: np.ndarray
    center: complex
    mask: np.ndarray | None
    status: str
    columns: dict
    eta: complex = 0j
    xi: complex | None = None
    reference: complex | None = None
    r_conv: float = 0.0
    amplitudes: np.ndarray | None = field(default=None, repr=False)


def simulate_row(row, settings=None, *, folder=None, formulas=None, number=1):
    """Simulate one row.

    Parameters
    ----------
    row : mapping
        Column -> text or number; its `model` decides between ray tracing and roulette. Columns
        that only look like known ones, and numbers that probably are in other units, are a
        LensingWarning.
    settings : SimulationSettings or mapping of its keys, optional
    folder : path, optional
        That files named in the row are relative to.
    formulas : Formulas, optional
        Amplitudes to use in place of the closed forms of the lens.
    number : int
        Row number in the whole table, from 1: the index of the noise stream.

    Returns
    -------
    Simulation

    Raises
    ------
    ConfigError, RowsError, LensError
        For settings and rows that cannot be used.
    """
    row, settings = with_our_names(row), as_settings(settings)
    for doubt in (*settings.doubts, *(said for _, said in column_doubts(row).values())):
        warnings.warn(doubt, LensingWarning, stacklevel=2)
    case = case_of(row, settings, folder=folder, formulas=formulas)
    for doubt in (*lens_doubts(case.row, settings), *source_doubts(case.row)):
        warnings.warn(doubt, LensingWarning, stacklevel=2)
    return simulate_case(case, number)


def simulate_case(case, number=1):
    """Simulation of a Case; arguments as of `simulate_row`."""
    settings, words = case.settings, set()
    drawing = Drawing.of(case, words)
    original = drawing.picture(0j, settings.imagesize)
    observation = settings.observation
    center = 0j
    if not original.any():
        words.add("dark")
    else:
        # a sky is no light of the source: the edge is judged without it
        if edge_flux(original) > EDGE_FLUX:
            words.add("clipped-edge")
        if settings.centred:
            measured = original
            if not observation.is_off and observation.centre_on == "observed":
                measured = observed(original, settings, number)
            center = center_of_light(measured)
    image, mask = drawing.delivered(original, center, number)
    recovery = Recovery.of(case, drawing, center, words)
    status = status_of(words)
    return Simulation(
        image=image,
        original=original,
        center=center,
        mask=mask,
        status=status,
        columns=columns_of_row(case, center, recovery, status),
        eta=case.eta,
        xi=drawing.xi,
        reference=recovery.point,
        r_conv=recovery.r_conv,
        amplitudes=recovery.amplitudes,
    )
