"""Consistency checks C1 to C14 of a data set.

Records stream by once; every check sees each record, and the samples that are read again. A
measured value of 1 is the tolerance where a check compares several things.
"""

from simlab.core.checks import skip
from simlab.core.errors import InputFileError
from simlab.halo.map_checks import check_cic, check_inference, check_periodic
from simlab.halo.names import id_of
from simlab.halo.pairing import Pairing
from simlab.halo.pixel_checks import Mass, Normalization, Pictures
from simlab.halo.record_checks import (
    Numbers,
    Parameters,
    Rotations,
    Scales,
    Shapes,
    Split,
)
from simlab.halo.statistics_checks import StatisticsFiles


def run_checks(case, records, read):
    """All checks of a data set, in order.

    Parameters
    ----------
    case : Case
    records : iterable of dict
        Shard records.
    read : callable
        file -> sample, as a dict of arrays.
    """
    shapes = Shapes(case)
    watching = [
        Scales(case),
        shapes,
        Normalization(case),
        StatisticsFiles(case),
        Parameters(case),
        Mass(case),
        Pairing(case),
        Split(case),
        Rotations(case),
        Pictures(case),
        Numbers(case),
    ]
    for record in records:
        for check in watching:
            check.see_record(record)
        for entry in record["samples"]:
            name = id_of(entry["file"])
            if name in case.pictured:
                try:
                    sample = read(entry["file"])
                except InputFileError as error:
                    shapes.unreadable[entry["file"]] = str(error)
                    continue
                for check in watching:
                    if name in case.chosen or check.sees_all:
                        check.see_sample(name, record, entry, sample)
    maps, seed = case.dataset.maps, case.dataset.seed
    rows = [check_cic(case.masl, case.live_masl), check_periodic(maps, seed)]
    other = unlike_inference(maps)
    rows.append(skip("C5", other) if other else check_inference(maps, seed))
    rows += [check.row() for check in watching]
    return sorted(rows, key=lambda row: int(row.id[1:]))


def unlike_inference(maps):
    """Why maps of this configuration differ from those of inference, None if they do not."""
    if maps.mode != "exact":
        return "inference has all periodic images, maps of mode faces have not"
    if maps.depth is not None:
        return f"inference has the whole box, these maps a depth of {maps.depth:g} Mpc/h"
    if maps.cic_backend != "numba":
        return "inference takes the own deposit, these maps MASL; C1 compares the two"
    return None
