"""One function that opens a data set of any domain for training."""

from pathlib import Path

from simlab.afm import reading as afm
from simlab.calcium import reading as calcium
from simlab.core.dataset import Dataset, read_index
from simlab.core.errors import ConfigError, InputFileError
from simlab.core.files import read_json
from simlab.halo import reading as halo
from simlab.lensing import reading as lensing
from simlab.ptycho import reading as ptycho

READINGS = {"ptycho": ptycho, "afm": afm, "halo": halo, "calcium": calcium, "lensing": lensing}
"""The module of each domain that tells what a sample is."""
COLUMNS = {
    "ptycho": "object_index",
    "afm": "mol_id",
    "halo": "halo_idx",
    "calcium": "n_frames",
    "lensing": "status",
}
"""A column of index.csv that only the data sets of a domain have."""


def open_dataset(folder, split=None, normalized=False, *, arrays=None, **options):
    """A data set opened for reading: a sequence of samples, which are dicts of numpy arrays.

    Parameters
    ----------
    folder : path
        `results/<domain>/<dataset>`, or any folder with such an index.csv.
    split : str, optional
        train, val (or validation), test or excluded; None: all rows of index.csv.
    normalized : bool
        Arrays as networks of the field take them, see the domain's data contract, float32;
        `denormalize` gives physical units again.
    arrays : iterable of str, optional
        Read only these arrays of the files.
    **options
        Of calcium data sets, see `simlab.calcium.reading.sources`.

    Returns
    -------
    simlab.core.dataset.Dataset

    Raises
    ------
    ConfigError
        Unknown split or option.
    InputFileError
        A folder without a data set (MissingFileError), or files that are damaged.
    """
    folder = Path(folder)
    index = read_index(folder)
    domain = domain_of(folder, index)
    reading = READINGS[domain]
    for name in options:
        if name not in reading.OPTIONS:
            known = ", ".join(("split", "normalized", "arrays", *reading.OPTIONS))
            raise ConfigError(
                f"{folder}: {name} is no option of {domain} data sets, known: {known}"
            )
    index, samples = reading.sources(folder, index, arrays, **options)
    dataset = Dataset(folder, index, samples, domain=domain)
    if normalized:
        normalizer = reading.normalizer(dataset)
        dataset = Dataset(folder, index, samples, normalizer, domain)
    return dataset if split is None else dataset.split(split)


def domain_of(folder, index):
    """The domain of a data set: told by the columns of its index.csv, else by its manifest.

    Tables of lensing have columns of the user, which may be those of other domains.
    """
    found = [domain for domain, column in COLUMNS.items() if column in index.header]
    if len(found) == 1:
        return found[0]
    manifest = folder / "manifest.json"
    content = read_json(manifest) if found and manifest.is_file() else {}
    told = content.get("domain") if isinstance(content, dict) else None
    if told in found:
        return told
    raise InputFileError(
        f"{folder / 'index.csv'}: the table of {' or '.join(found) or 'no domain'}; expected one "
        f"of the columns {', '.join(COLUMNS.values())}, or a manifest.json that tells the domain"
    )
