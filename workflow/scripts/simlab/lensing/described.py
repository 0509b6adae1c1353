"""What packages tell about lensing data sets."""

from simlab.core.packages.described import Described, origins
from simlab.lensing.config import DatasetConfig

OWN = ("the simlab developers", "MIT")
SHIPPED = {
    "resources/lensing/sie_rows.csv": OWN,
    "resources/lensing/regression_rows.csv": OWN,
}
GRAY = "gray levels"


def inputs(spec, folder):
    """The table of rows and the picture of the sources, where they are files."""
    source = spec.get("source") or {}
    return origins([spec["simulator"]["parameters"], source.get("file")], SHIPPED)


DESCRIBED = Described(
    title="Gravitational lensing",
    what=(
        "Pictures of galaxies behind gravitational lenses, with the roulette amplitudes of the "
        "lens about a reference point. Each pixel is traced back to the source plane, or drawn by "
        "the series of the amplitudes."
    ),
    sample="a picture",
    split_unit="the row of the table of parameters; rows with a bad status are excluded",
    arrays={
        "images": (GRAY, "the lensed picture, rows from top; colors are B, G, R"),
        "mask": ("", "1 where the picture was drawn"),
        "original": (GRAY, "the picture before centering and cropping"),
        "actual": (GRAY, "the source without lens"),
        "apparent": (GRAY, "the source at the origin, or at its apparent position"),
        "index": ("", "row number in the whole table, from 1"),
        "status": ("", "number of the status; 0 = ok"),
        "center": ("px", "center of light before centering, x and y"),
        "crop_center": ("px", "center of light of the picture, what cropping moved it by"),
        "xi": ("px", "reference point, relative to the center"),
        "eta": ("px", "source, relative to the center"),
        "r_conv": ("px", "smallest radius of convergence about the reference point"),
        "alpha": ("px^(1-m)", "amplitudes alpha[m][s], by m, then s"),
        "beta": ("px^(1-m)", "amplitudes beta[m][s], by m, then s"),
    },
    columns={
        "index": ("", "row number in the table, from 1"),
        "status": ("", "word: ok, dark, ring, reference-singular, solver, bad-parameters, ..."),
        "model": ("", "how the picture was drawn"),
        "lens": ("", "lens model"),
        "einsteinradius": ("px", "Einstein radius"),
        "ellipseratio": ("", "axis ratio of the lens"),
        "orientation": ("degrees", "orientation of the lens; its long axis is at 90 more"),
        "cluster": ("px, degrees", "members of the cluster"),
        "kappa_s": ("", "characteristic convergence of an NFW lens"),
        "r_s": ("px", "scale radius of an NFW lens"),
        "shear1": ("", "external shear, first component"),
        "shear2": ("", "external shear, second component"),
        "source": ("", "source model"),
        "R": ("px", "distance of the source from the lens"),
        "phi": ("degrees", "direction of the source from the lens"),
        "sigma": ("px", "size of the source"),
        "sigma2": ("px", "second size of the source"),
        "theta": ("degrees", "rotation of the source"),
        "n_sersic": ("", "Sersic index of the source"),
        "luminosity": ("1000 gray levels px²", "light of a Sersic source"),
        "x": ("px", "position of the source, to the right, angular"),
        "y": ("px", "position of the source, up, angular"),
        "nterms": ("", "order of the series"),
        "chi_percent": ("%", "ratio of the distances of lens and source"),
        "sourcefile": ("", "picture of the source"),
        "sourcescale": ("px", "size of a pixel of the source's picture"),
        "lightprofile": ("", "profile in place of the source's own"),
    },
    other_columns=("", "column of the user's table"),
    limits=(
        "Lenses are thin and of the named models; there is no light of the lens itself.",
        "Amplitudes describe the lens inside the radius of convergence about the reference point.",
        "Pictures hold noise and sky only where `observation` says so.",
    ),
    model=DatasetConfig,
    inputs=inputs,
)
