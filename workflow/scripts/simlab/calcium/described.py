"""What packages tell about data sets of calcium movies."""

from simlab.calcium.config import CalciumDataset
from simlab.core.packages.described import Described

TRUTH = "ground_truth/"
RESTING = "intensity of a resting cell"


def inputs(spec, folder):
    """None: a configuration holds all that movies are made of."""
    return []


DESCRIBED = Described(
    title="Calcium movies",
    what=(
        "Movies of a one-photon fluorescence microscope over neural tissue, with the spikes, "
        "traces and places of all neurons. Cells are placed and become active; their light is "
        "blurred by depth, scattered, shaded by vessels, displaced by motion of the brain, and "
        "counted by a sensor with its noise."
    ),
    sample="a recording",
    split_unit="the recording",
    arrays={
        "observed": ("counts", "the movie: frame, row, column; intensity where there is no sensor"),
        "ground_truth/C": (RESTING, "calcium trace: unit, frame; without bleaching"),
        "ground_truth/S": ("spikes", "spikes of each unit in each frame"),
        "ground_truth/centers_um": ("µm", "z, y, x of each unit; y, x from the optical axis"),
        "ground_truth/amplitude_per_cell": ("", "brightness of each unit, mean 1"),
        "ground_truth/in_focus": ("", "whether the unit lies within the depth of field"),
        "ground_truth/detectable": ("", "whether the unit stands out of the noise"),
        "ground_truth/observed_sigma_px": ("px", "width of the unit's blur"),
        "ground_truth/observed_gain": ("", "share of the unit's light that is collected"),
        "ground_truth/bleaching": ("", "unbleached fraction: unit, frame"),
        "ground_truth/shifts": (
            "px",
            "displacement of what is seen, down and right, of each frame",
        ),
        "ground_truth/illumination": ("", "field of the illumination"),
        "ground_truth/vignette": ("", "field of the vignetting"),
        "ground_truth/leakage": (RESTING, "field that is added"),
        "ground_truth/vasculature_mask": ("", "transmission of the vessels"),
        "ground_truth/vessel_overlap_fraction": ("", "share of the unit's light that vessels take"),
        "ground_truth/neuropil_spatial": ("", "fields of the background: component, row, column"),
        "ground_truth/neuropil_temporal": (RESTING, "envelopes of the background"),
        "ground_truth/neuropil_population": ("", "activity of all cells, mean 1"),
        "ground_truth/planted/offsets": ("px", "first row and column of each footprint's patch"),
        "ground_truth/planted/shapes": ("px", "height and width of each patch"),
        "ground_truth/planted/data": ("", "patches, row by row, one after the other"),
        "ground_truth/ext/exposure": ("", "exposure of each frame"),
        "ground_truth/ext/emission": (RESTING, "light of each unit in each frame"),
        "ground_truth/ext/hot_pixels": ("counts", "what hot pixels add"),
        "ground_truth/ext/dropped": ("", "whether the frame was lost"),
    },
    columns={
        "seed": ("", "seed of the recording"),
        "n_frames": ("", "frames"),
        "height": ("px", "rows of a frame"),
        "width": ("px", "columns of a frame"),
    },
    other_columns=("as in the configuration", "value of an axis of the sweep, JSON"),
    limits=(
        "Tissue is homogeneous but for vessels; scattering is a blur that grows with depth.",
        "Spikes and traces follow from a model of activity, not from recordings of animals.",
        "Frames of one recording are no independent samples.",
    ),
    model=CalciumDataset,
    inputs=inputs,
    further=TRUTH,
)
