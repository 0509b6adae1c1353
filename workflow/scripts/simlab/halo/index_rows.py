"""Rows of index.csv, one a sample."""

import math

from simlab.halo.names import id_of

COLUMNS = [
    *("id", "file", "position", "split", "sim", "halo_idx", "group_index", "rot"),
    *("halo_mass", "log10_halo_mass", "center_x", "center_y", "center_z", "r200"),
]
"""Before one column a parameter."""


def index_row(record, halo, entry):
    """Row of the sample `entry` of a halo of a shard record: COLUMNS, then the parameters."""
    return [
        id_of(entry["file"]),
        entry["file"],
        0,
        record["split"],
        record["sim"],
        halo["halo_idx"],
        halo["group_index"],
        entry["rot"],
        halo["mass"],
        math.log10(halo["mass"]),
        *halo["center"],
        halo["r200"],
        *record["params"],
    ]
