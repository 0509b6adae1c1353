"""Rule ptycho_preview: the contact sheet."""

from simlab.ptycho.figures import PREVIEW_DPI, SHOWN, draw_summary
from simlab.ptycho.files.inputs import read_measured
from simlab.ptycho.files.readers import open_dataset


def draw_preview(dataset_file, source, png, dpi=PREVIEW_DPI):
    """Draw the summary of a data set file; `source`: file with measured frames, or None."""
    with open_dataset(dataset_file) as data:
        frames = data.frames
        first = min(SHOWN, len(frames))
        patches = None
        if "ground_truth_patches" in frames.keys:
            patches = frames.read("ground_truth_patches", 0, first)[..., 0]
        draw_summary(
            png,
            objects=data.shared["objectGuess"],
            probe=data.shared["probeGuess"],
            x=frames.read("xcoords"),
            y=frames.read("ycoords"),
            object_index=frames.read("object_index"),
            patterns=frames.read("diff3d", 0, first),
            patches=patches,
            measured=read_measured(source) if source else None,
            dpi=dpi,
        )
