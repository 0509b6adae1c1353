"""Rule halo_parameters: the parameters of synthetic simulations, one row each."""

from simlab.core.files import write_csv
from simlab.halo.parameters import ParameterTable, load_info
from simlab.halo.sobol import FIRST_SEED, sobol_parameters


def write_parameters(spec, table, csv):
    """Write params.csv with columns Name, the parameters, seed.

    Parameters
    ----------
    spec : dict
        Of `specs.parameters_spec`.
    table : path or None
        The table that rows are taken from; None with `parameters: sobol`.
    """
    sims = range(*spec["simulations"])
    set_name = spec["set"]
    if spec["parameters"] == "sobol":
        names, points = sobol_parameters(spec["seed"], sims, load_info())
        rows = [
            [f"{set_name}_{sim}", *map(float, point), FIRST_SEED + sim]
            for sim, point in zip(sims, points, strict=True)
        ]
    else:
        source = ParameterTable(table)
        names = source.columns
        rows = []
        for sim in sims:
            seed = source.seed(sim, set_name)
            seed = FIRST_SEED + sim if seed is None else seed
            rows.append([f"{set_name}_{sim}", *source.row(sim, set_name).values(), seed])
    write_csv(csv, ["Name", *names, "seed"], rows)
