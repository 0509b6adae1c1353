"""Names of the columns of a table that are nearly, but not quite, those that are read."""

import difflib
import re

SYNONYMS = {
    "einstein": "einsteinradius",
    "thetae": "einsteinradius",
    "rein": "einsteinradius",
    "q": "ellipseratio",
    "axisratio": "ellipseratio",
    "pa": "orientation",
    "gamma1": "shear1",
    "gamma2": "shear2",
    "n": "n_sersic",
    "flux": "luminosity",
}
"""What other programs call a quantity, without punctuation -> column."""
SIMILAR = 0.8
"""Similarity, 0 .. 1, from which a name is taken for a misspelled one."""
SHORTEST = 4
"""Letters that a name has at least for that."""


def meant_columns(columns, known):
    """{column: the known one that it probably is}.

    Parameters
    ----------
    columns : collection of str
        Of a table.
    known : collection of str
        Those that are read; one that the table has is no suggestion.
    """
    names = {_plain(name): name for name in known}
    meant = {}
    for column in columns:
        if column in known:
            continue
        plain = _plain(column)
        name = names.get(plain) or SYNONYMS.get(plain)
        if name is None and len(plain) >= SHORTEST:
            near = difflib.get_close_matches(plain, names, 1, SIMILAR)
            name = names[near[0]] if near else None
        if name is not None and name not in columns:
            meant[column] = name
    return meant


def _plain(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())
