"""How many haloes the simulations of a data set have: counted in catalogs, or expected."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from simlab.core.errors import SimlabError
from simlab.halo.costs import is_synthetic, resolved_mass
from simlab.halo.errors import CatalogError

FIDUCIAL = {
    "Omega0": 0.3,
    "OmegaBaryon": 0.049,
    "HubbleParam": 0.6711,
    "n_s": 0.9624,
    "sigma8": 0.8,
}
"""Cosmology that is expected where a table does not tell; columns as in CAMELS tables."""
LISTED = 4
"""Catalogs named in notes."""


@dataclass(frozen=True)
class Haloes:
    """Haloes of the simulations of a data set.

    Attributes
    ----------
    counts : list of float
        Haloes of each simulation that are used.
    counted : bool
        Whether all were counted.
    heaviest : float or None
        Msun/h, of all catalogs that were read; None where there is none.
    problems : tuple of str
        What is wrong with catalogs, and will fail.
    """

    counts: list
    counted: bool
    heaviest: float | None
    problems: tuple


def count(dataset, catalogs, table):
    """The `Haloes` of a data set.

    Parameters
    ----------
    dataset : DatasetConfig
    catalogs : dict
        {simulation: path of its catalog, or None}.
    table : ParameterTable or None
    """
    most = dataset.haloes.max_per_simulation
    counts, counted, heaviest, problems = [], True, [], []
    expected = _Expectation(dataset, table)
    for sim, path in catalogs.items():
        number, mass, problem = _counted(dataset, path)
        if problem:
            problems.append(problem)
        if number is None:
            counted = False
            number = expected(sim)
        if mass is not None:
            heaviest.append(mass)
        counts.append(min(number, most) if most else number)
    more = len(problems) - LISTED
    if more > 0:
        problems = [*problems[:LISTED], f"and {more} more catalogs like these"]
    return Haloes(counts, counted, max(heaviest, default=None), tuple(problems))


def _counted(dataset, path):
    """(haloes of a catalog or None, mass of the heaviest or None, what is wrong or None).

    A file that is not there, or is empty as those of a plan's rehearsal are, is no catalog yet.
    """
    if path is None or not Path(path).is_file() or not Path(path).stat().st_size:
        return None, None, None
    from simlab.halo.files.catalogs import load_halo_catalog, places_in_box
    from simlab.halo.files.chunks import differ
    from simlab.halo.files.plausible import check_catalog

    source, side = dataset.source, dataset.maps.box_size
    units = getattr(source, "catalog_units", None)
    options = {"allow_missing_chunks": getattr(source, "allow_missing_chunks", False)}
    options["units"] = units.model_dump() if units else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the job tells of missing chunks
            kept = load_halo_catalog(path, dataset.haloes.mass_threshold, **options)
            masses = kept["mass"]
            if not len(masses) and kept["n_groups"]:
                masses = load_halo_catalog(path, 0.0, **options)["mass"]
        if differ(kept["box_size"], side):
            raise CatalogError(
                f"{path}: the box is {kept['box_size']:.10g} Mpc/h, maps.box_size {side:g}"
            )
        places_in_box(kept, side)
        check_catalog(kept, side, kept["omega0"])
    except SimlabError as error:
        return None, None, str(error)
    return len(kept["mass"]), float(masses.max()) if len(masses) else None, None


class _Expectation:
    """Expected number of haloes of a simulation, from the cosmology of its row or the fiducial."""

    def __init__(self, dataset, table):
        self._dataset, self._table = dataset, table

    def __call__(self, sim):
        from simlab.halo.cosmology import HEAVIEST, Cosmology, halo_count
        from simlab.halo.sites import expected_haloes

        names = tuple(FIDUCIAL)
        row = self._table.cosmology(sim, self._dataset.source.set, names) if self._table else {}
        cosmology = Cosmology(*(row.get(key, usual) for key, usual in FIDUCIAL.items()))
        threshold, side = resolved_mass(self._dataset), self._dataset.maps.box_size
        if is_synthetic(self._dataset):
            return expected_haloes(cosmology, threshold, side)
        return halo_count(cosmology, min(threshold, HEAVIEST / 2), side)
