"""Rule halo_preview: a picture a person can judge."""

from pathlib import Path

import numpy as np

from simlab.core.files import read_csv
from simlab.halo.errors import SampleError
from simlab.halo.figures import sheet
from simlab.halo.files.samples import read_sample

ROWS = 6


def draw_preview(spec, folder, png):
    """Draw preview.png of the data set in `folder`: haloes over the whole range of masses."""
    folder = Path(folder)
    header, rows = read_csv(folder / "index.csv")
    if not rows:
        raise SampleError(f"{folder / 'index.csv'}: lists no samples")
    entries = [dict(zip(header, row, strict=True)) for row in rows]
    first_views = [entry for entry in entries if entry["rot"] == "0"]
    first_views.sort(key=lambda entry: -float(entry["halo_mass"]))
    picked = np.unique(np.linspace(0, len(first_views) - 1, ROWS).round().astype(int))
    samples = []
    for entry in (first_views[i] for i in picked):
        label = (
            f"sim {entry['sim']} halo {entry['halo_idx']} rot {entry['rot']}, {entry['split']}\n"
            f"{float(entry['halo_mass']):.2e} Msun/h"
        )
        samples.append((read_sample(folder / entry["file"]), label))
    simulations = len({entry["sim"] for entry in entries})
    several = "s" if simulations > 1 else ""
    title = f"{folder.resolve().name}: {len(entries)} samples of {simulations} simulation{several}"
    sheet(png, samples, spec["scales"], title)
