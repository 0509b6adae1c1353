"""Rule calcium_normalization: statistics over the recordings of the training split."""

from simlab.calcium.statistics import normalization
from simlab.core.files import read_json, write_json
from simlab.core.tables import write_statistics_table


def write_normalization(statistics, json, html):
    """Merge the files `statistics` into normalization.json and its page."""
    content = normalization([read_json(path) for path in statistics])
    write_json(json, content)
    shown = {key: value for key, value in content.items() if key not in ("histogram", "keys")}
    write_statistics_table(html, shown)
