"""Lenses of several members, and their form in one table cell.

A cell lists members `KIND/x/y/g[/f/orientation]` joined by `;`, with KIND one of SIS, SIE, PM
(PointMass), lengths in px and the orientation in degrees.
"""

from functools import cached_property

import numpy as np

from simlab.lensing.errors import LensError
from simlab.lensing.lenses import SIE, SIS, Lens, PointMass, make_lens

FORMS = {
    "SIS": "SIS/x/y/g",
    "PM": "PM/x/y/g",
    "PointMass": "PointMass/x/y/g",
    "SIE": "SIE/x/y/g/f/orientation",
}


class Cluster(Lens):
    """Sum of single lenses, each about its own center.

    Attributes
    ----------
    constituents : tuple of Lens
        The single lenses.
    members : float64 (k, 8)
    """

    kind = "Cluster"
    einstein_radius = None

    def __init__(self, constituents):
        self._constituents = tuple(constituents)

    @property
    def constituents(self):
        """The single lenses."""
        return self._constituents

    @cached_property
    def members(self):
        """Table of `kernels.deflection`, float64 (k, 8)."""
        return np.concatenate([lens.members for lens in self._constituents])

    @property
    def center(self):
        """The common center of all members with a center, else the origin."""
        centers = {lens.center for lens in self._constituents if lens.kind != "Shear"}
        return centers.pop() if len(centers) == 1 else 0j

    @property
    def is_circular(self):
        """Whether all members are circular about one center; a mass sheet there may be one."""
        round_sheets = [
            lens.gamma1 == lens.gamma2 == 0 and (lens.kappa0 == 0 or lens.center == self.center)
            for lens in self._constituents
            if lens.kind == "Shear"
        ]
        massive = [lens for lens in self._constituents if lens.kind != "Shear"]
        return (
            bool(massive)
            and all(round_sheets)
            and all(lens.is_circular and lens.center == self.center for lens in massive)
        )

    def __eq__(self, other):
        return isinstance(other, Cluster) and self._constituents == other._constituents

    def __hash__(self):
        return hash(self._constituents)

    def __repr__(self):
        return f"Cluster({list(self._constituents)!r})"


def make_cluster(lenses):
    """A lens of one or more analytic lenses (sequence of Lens); clusters among them are unpacked.

    Raises
    ------
    LensError
        Without members, and for sampled ones.
    """
    constituents = [single for lens in lenses for single in lens.constituents]
    if not constituents:
        raise LensError("cluster without members: expected one or more lenses")
    for lens in constituents:
        if lens.members is None:
            raise LensError(f"a {lens.kind} lens cannot be the member of a cluster")
    return Cluster(constituents)


def parse_cluster(text, chi=1.0):
    """The cluster that a table cell describes.

    Parameters
    ----------
    text : str
    chi : float
        Ratio of distances; all lengths of the cell are divided by it.

    Returns
    -------
    Cluster

    Raises
    ------
    LensError
        Naming the member that cannot be read.
    """
    parts = text.strip().removesuffix(";").split(";")
    return Cluster([_parse_member(part, number, chi) for number, part in enumerate(parts, 1)])


def _parse_member(text, number, chi):
    kind, *fields = (field.strip() for field in text.strip().split("/"))
    if kind not in FORMS:
        raise LensError(
            f"member {number} of cluster: {kind!r} is unknown, expected {', '.join(FORMS)}"
        )
    counts = (5,) if kind == "SIE" else (3, 5)
    if len(fields) not in counts:
        raise LensError(
            f"member {number} of cluster: expected {FORMS[kind]}, got {len(fields)} numbers"
        )
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        raise LensError(
            f"member {number} of cluster: expected {FORMS[kind]} with numbers, got {text.strip()!r}"
        ) from None
    x, y, g, *shape = numbers
    ratio, orientation = shape if kind == "SIE" else (None, 0.0)
    try:
        return make_lens(
            kind, einstein_radius=g, ratio=ratio, orientation_deg=orientation, x=x, y=y, chi=chi
        )
    except LensError as problem:
        raise LensError(f"member {number} of cluster: {problem}") from None


def format_cluster(lens):
    """The table cell that describes a lens of SIS, SIE and point masses; numbers as `repr`."""
    return ";".join(_format_member(single) for single in lens.constituents)


def _format_member(lens):
    if not isinstance(lens, SIS | SIE | PointMass):
        raise LensError(f"a {lens.kind} lens cannot be written into a cluster cell")
    numbers = [lens.center.real, lens.center.imag, lens.einstein_radius]
    if isinstance(lens, SIE):
        numbers += [lens.ratio, lens.orientation_deg]
    return "/".join([lens.kind, *(repr(float(number)) for number in numbers)])
