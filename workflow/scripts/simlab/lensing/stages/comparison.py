"""Rule lensing_comparison: two shard sets, picture by picture."""

from simlab.core.files import write_csv, write_json
from simlab.lensing.comparison import compare_sets
from simlab.lensing.errors import RowsError


def write_comparison(first, second, json, csv):
    """Compare the shards of two sets.

    Parameters
    ----------
    first, second : list of path
        Shards in the same order.
    json, csv : path
    """
    result = compare_sets(first, second)
    if result["errors"]:
        raise RowsError("\n".join(["pictures that cannot be compared", *result["errors"]]))
    write_json(json, result)
    header = list(result["pairs"][0])
    write_csv(csv, header, [[pair[column] for column in header] for pair in result["pairs"]])
