"""Small runs of the AFM commands that tests share."""

from afm_reference import MOLECULES

from simlab.cli import main

SMALL_MOLECULES = ("formic_acid", "bcb", "g2_NH3")
SCAN = {
    "--scan-dim": (24, 20, 12),
    "--scan-window": (3, 3, 5, 15, 13, 6.2),
    "--df-steps": 5,
    "--pix-per-angstrome": 8,
    "--batch-size": 2,
    "--seed": 11,
}
SMALL = {**SCAN, "--rotations": 20, "--n-best": 3}
"""Options of `generate` for the data set `afm_finished.SMALL`."""

PARAMETERS = """probeType O
charge -0.1  # e
tip dz2
stiffness 0.25 0.25 30
r0Probe 0 0 3
PBC False
pixPerAngstrome 6
scanMin -3 -2 5.2
scanMax 3 2.5 6.2
scanStep 0.5 0.5 0.1
Amplitude 0.4
"""
"""A scan of 13 x 10 x 10 tip positions over a small molecule at the origin."""


def xyz(*names):
    """Files of shipped molecules."""
    return [MOLECULES / f"{name}.xyz" for name in names]


def words(options):
    """{option: value} as a command line; True = the option alone, None = left out."""
    found = []
    for option, value in options.items():
        if isinstance(value, list | tuple):
            found += [option, *value]
        elif value is not None:
            found += [option] if value is True else [option, value]
    return [str(word) for word in found]


def call(*line):
    """Exit code of `simlab afm ...`, in this process."""
    try:
        main(["afm", *map(str, line)])
    except SystemExit as end:
        return end.code or 0
    return 0


def files_in(folder):
    """Paths of all files below a folder, relative to it."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
