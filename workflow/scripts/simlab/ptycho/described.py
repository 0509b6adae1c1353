"""What packages tell about ptychography data sets."""

from simlab.core.packages.described import Described, origins
from simlab.ptycho.config import DatasetConfig

TIKE = (
    "scan and probe: test data of the tike project, UChicago Argonne LLC; object: reconstruction "
    "of the simlab developers",
    "BSD-3-Clause",
)
SHIPPED = {
    "resources/ptycho/siemens_star_n64.npz": TIKE,
    "resources/ptycho/texture.png": ("the simlab developers", "MIT"),
}
FRAMES = "measurement: normalized amplitude, amplitude or counts, as `output.measurement` says"
TRUTH = "complex transmission of the object around the position, before illumination"


def inputs(spec, folder):
    """The files that object, probe, positions and detector mask were read from."""
    return origins(
        [
            spec["object"]["file"],
            spec["object"]["params"].get("image"),
            spec["probe"]["file"],
            spec["scan"]["file"],
            spec["detector"]["mask_file"],
        ],
        SHIPPED,
    )


DESCRIBED = Described(
    title="Ptychography",
    what=(
        "Far-field diffraction patterns of a complex object under a moving coherent probe, with "
        "counting noise, and the part of the object that each pattern shows. Object and probe are "
        "drawn, or read from files; the exit wave at a sub-pixel position is transformed to the "
        "detector, scaled to the wanted number of photons and counted."
    ),
    sample="a diffraction pattern",
    split_unit=(
        "the side of a line across the scan, because neighboring patterns overlap; patterns in a "
        "gap around the line are excluded"
    ),
    arrays={
        "xcoords": ("object px", "column of the probe's center on the object, true position"),
        "ycoords": ("object px", "row of the probe's center on the object, true position"),
        "xcoords_start": ("object px", "column where the probe was meant to be"),
        "ycoords_start": ("object px", "row where the probe was meant to be"),
        "diff3d": ("", FRAMES),
        "diffraction": ("", FRAMES),
        "scan_index": ("", "scan that the pattern belongs to"),
        "object_index": ("", "object that the pattern shows"),
        "ground_truth_patches": ("", TRUTH),
        "Y": ("", TRUTH),
        "frame_scale": ("sqrt(photons)", "turns the pattern's amplitudes into sqrt(counts)"),
        "dose": ("photons", "expected photons of the pattern"),
    },
    columns={
        "x": ("object px", "column of the probe's center on the object"),
        "y": ("object px", "row of the probe's center on the object"),
        "object_index": ("", "object that the pattern shows"),
        "dose": ("photons", "expected photons of the pattern"),
    },
    other_columns=None,
    limits=(
        "The object is thin: the exit wave is the product of probe and object.",
        "Probe and object are the same in all patterns of a scan; positions differ from the "
        "nominal ones by the jitter only.",
        "Patterns of one object overlap: they are no independent samples.",
    ),
    model=DatasetConfig,
    inputs=inputs,
)
