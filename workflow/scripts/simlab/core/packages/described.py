"""What a domain tells about its data sets: the words and units that packages carry."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simlab.core.config import published_path

OWN = "MIT"
"""License of the repository, of what it ships as own work, and of data made from that alone."""


@dataclass(frozen=True)
class Origin:
    """An input of a data set.

    Attributes
    ----------
    name : str
        File as the configuration names it, or what else came in.
    origin : str
        Who made it.
    license : str or None
        SPDX identifier; None where only the user knows it.
    """

    name: str
    origin: str
    license: str | None


@dataclass(frozen=True)
class Described:
    """The facts about the data sets of a domain.

    Attributes
    ----------
    title : str
        Name of the field.
    what : str
        What the data are and how they come about, a few sentences.
    sample : str
        What one sample is.
    split_unit : str
        What is never divided between splits, and why.
    arrays : dict
        Array that the reader gives -> (unit, meaning); "" = no unit.
    columns : dict
        Column of index.csv -> (unit, meaning).
    other_columns : tuple or None
        (unit, meaning) of columns that depend on the configuration.
    limits : tuple of str
        What the data do not hold or are not good for, a sentence each.
    model : type
        Pydantic model of a data set's configuration.
    inputs : function
        (Configuration of the manifest, folder of the data set) -> list of Origin.
    ragged : dict
        Array whose shape differs from sample to sample -> the two arrays of an HDF5 file that hold
        its rows one after the other, and where those of each sample begin.
    further : str
        Beginning of the names of further arrays of a file that is one sample; "" = there are none.
    """

    title: str
    what: str
    sample: str
    split_unit: str
    arrays: dict[str, tuple[str, str]]
    columns: dict[str, tuple[str, str]]
    other_columns: tuple[str, str] | None
    limits: tuple[str, ...]
    model: type
    inputs: Callable[[dict, Path], list[Origin]]
    ragged: dict[str, tuple[str, str]] = field(default_factory=dict)
    further: str = ""

    def column(self, name):
        """(unit, meaning) of a column of index.csv; KeyError where nobody described it."""
        known = COLUMNS | self.columns
        if name not in known and self.other_columns is not None:
            return self.other_columns
        return known[name]

    def array(self, name):
        """(unit, meaning) of an array; KeyError where nobody described it."""
        return self.arrays[name]


COLUMNS = {
    "id": ("", "name of the sample, unique in the data set"),
    "file": ("", "file of the sample, relative to the folder of the data set"),
    "position": ("", "place of the sample on the first axis of the arrays in its file, from 0"),
    "split": ("", "train, val, test, or excluded"),
}
"""The columns of index.csv that all domains have."""


def licenses(inputs):
    """Sorted SPDX identifiers of a list of Origin and of our own part; None if one is unknown."""
    found = {OWN} | {item.license for item in inputs}
    return None if None in found else sorted(found)


def origins(files, shipped):
    """An Origin for each of `files` (None is left out), once.

    Parameters
    ----------
    files : list of (str or None)
    shipped : dict
        File of the repository -> (origin, license); all others are the user's.
    """
    named = dict.fromkeys(file for file in files if file is not None)
    return [
        Origin(published_path(file), *shipped.get(file, ("file of the user", None)))
        for file in named
    ]
