"""Which samples train, validate and test: by molecule, so that no geometry is in two."""

import math

from simlab.core.random import generator
from simlab.core.splits import REST, Unit, deal


def split_labels(seed, split, n_molecules, molecule_of_sample):
    """Split of each sample, (N,) int8 with the numbers of `core.splits.SPLITS`.

    Of a permutation of the molecules (`by: molecule`) or samples, the first floor(test n) test,
    the next floor(val n) validate, the others train.
    """
    by_molecule = split["by"] == "molecule"
    count = n_molecules if by_molecule else len(molecule_of_sample)
    order = generator(seed, "afm.split", 0).permutation(count)
    shares = {name: math.floor(split[name] * count) for name in ("test", "val")}
    labels = deal(order, shares | {"train": REST})
    return labels[molecule_of_sample] if by_molecule else labels


def unit_of(spec):
    """The Unit of a data set; `spec` is its whole configuration."""
    if spec["split"]["by"] == "molecule":
        return Unit("molecule", "mol_id", spec["seed"])
    return Unit("sample", "id", spec["seed"])
