"""Rule lensing_preview: the contact sheet."""

import numpy as np

from simlab.lensing.cases import case_of
from simlab.lensing.curves import critical_curve
from simlab.lensing.figures import Shown, draw_rows_sheet
from simlab.lensing.files.shards import open_shard
from simlab.lensing.files.tables import read_table
from simlab.lensing.pictures import unlensed
from simlab.lensing.rows import stem_of, text_of
from simlab.lensing.specs import settings_from

ROWS = 8
POINTS = 361
LENS_CELLS = {
    "einsteinradius": "g = {} px",
    "ellipseratio": "f = {}",
    "kappa_s": "kappa_s = {}",
    "r_s": "r_s = {} px",
}
"""Column -> how the sheet names its number."""


def draw_preview(name, spec, table, images, resim, png, *, folder="."):
    """Draw the first rows of the first shard.

    Parameters
    ----------
    name : str
        Of the data set.
    spec : dict
        `specs.pictures_spec`.
    table, images : path
        Roulette table and pictures of the shard.
    resim : path or None
    png : path
    folder : path
        That files named in the rows are relative to.
    """
    settings = settings_from(spec)
    rows = read_table(table)[1][:ROWS]
    pictures = _pictures(images, len(rows))
    redrawn = [None] * len(rows) if resim is None else _pictures(resim, len(rows))
    shown = [
        _shown(row, settings, folder, picture, again)
        for row, picture, again in zip(rows, pictures, redrawn, strict=True)
    ]
    frame = "; pictures moved to their center of light" if settings.centred else ""
    draw_rows_sheet(png, shown, title=f"{name}: one gray scale a row{frame}")


def _pictures(path, count):
    with open_shard(path) as file:
        return list(file["images"][:count])


def _shown(row, settings, folder, image, redrawn):
    case = case_of(row, settings, folder=folder)
    center = complex(float(row["centreX"]), float(row["centreY"]))
    reference, outline = None, np.empty(0)
    if row["refX"]:
        scale = case.chi if settings.amplitude_units == "lens" else 1.0
        reference = complex(float(row["xiX"]), float(row["xiY"])) / scale
        phi = np.linspace(0, 2 * np.pi, POINTS)
        radius = case.lens.region(reference + center / scale).radius(phi)
        if np.isfinite(radius).all():
            outline = reference + radius * np.exp(1j * phi)
        center = center / scale
    critical, caustic = critical_curve(case.lens, POINTS - 1)
    return Shown(
        label=row_label(row),
        actual=unlensed(case, None, "actual"),
        image=image,
        redrawn=redrawn,
        critical=[_closed(c) - center for c in _as_list(critical)],
        caustic=[_closed(c) for c in _as_list(caustic)],
        reference=reference,
        outline=outline,
    )


def _as_list(curves):
    return curves if isinstance(curves, list) else [curves]


def _closed(curve):
    return np.append(curve, curve[:1])


def row_label(row):
    """Name, lens with its numbers, model and status of a row, in one line."""
    kind = text_of(row, "lens") or "Cluster"
    used = {"SIE": ("einsteinradius", "ellipseratio"), "NFW": ("kappa_s", "r_s")}
    sizes = ", ".join(
        LENS_CELLS[column].format(f"{float(text_of(row, column)):.4g}")
        for column in used.get(kind, ("einsteinradius",))
        if text_of(row, column)
    )
    text = f"{stem_of(row)}: {kind}" + (f" ({sizes})" if sizes and kind != "Cluster" else "")
    return f"{text}, {text_of(row, 'model')}, {row['status']}"
