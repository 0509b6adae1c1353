"""What can be drawn, but probably is not meant: of the numbers of a row, and of its columns."""

from simlab.lensing.column_names import meant_columns
from simlab.lensing.rows import KNOWN_COLUMNS, chi_of, eta_of, number_of, text_of

SMALLEST_LENGTH = 1.0
"""px; lengths below are more likely arcseconds."""
PERCENT = 1.0, 100.0
"""Bounds of a ratio of distances in percent that is likely meant."""
ARCSECONDS = "is below 1 px: lengths are pixels, are these arcseconds?"


def lens_doubts(row, settings):
    """Sentences about lens and position of a row that can be drawn.

    Parameters
    ----------
    row : mapping
    settings : SimulationSettings
    """
    half, chi = settings.imagesize / 2, chi_of(row, settings.chi_column)
    if not PERCENT[0] <= 100 * chi <= PERCENT[1]:
        yield "chi, D_L/D_S, is below 1 or above 100 percent; is it a ratio, or a percentage?"
    if text_of(row, "lens") in ("SIS", "PM", "PointMass", "SIE"):
        radius = number_of(row, "einsteinradius") / chi
        name = "the Einstein radius" if chi == 1 else "the Einstein radius, divided by chi,"
        if radius > half:
            yield f"{name} is larger than half the picture"
        if radius < SMALLEST_LENGTH:
            yield f"{name} {ARCSECONDS}"
    eta = eta_of(row)
    if max(abs(eta.real), abs(eta.imag)) > half:
        yield f"the source lies outside the {settings.imagesize}-px picture"


def source_doubts(row):
    """Sentences about the size of the source of a row that can be drawn."""
    name = text_of(row, "source")
    if "/" not in name and name != "Image" and number_of(row, "sigma") < SMALLEST_LENGTH:
        yield f"sigma {ARCSECONDS}"


def column_doubts(columns):
    """{column: (the known one that it looks like, a sentence)} of the columns of a table."""
    return {
        column: (meant, f"column {column!r} is not used, did you mean {meant}?")
        for column, meant in meant_columns(columns, KNOWN_COLUMNS).items()
    }
