"""Rule halo_simulation: one pair of synthetic simulations and its catalog."""

from pathlib import Path

from simlab.halo.files.writer import write_simulation
from simlab.halo.parameters import ParameterTable
from simlab.halo.synthetic import synthesize_simulation


def write_pair(spec, table, sim, root):
    """Synthesize simulation `sim` of a `specs.simulation_spec` and write it below `root`.

    `table` is params.csv of the data set.
    """
    source = spec["source"]
    parameters = ParameterTable(table).row(sim, source["set"])
    simulation = synthesize_simulation(
        parameters,
        n_grid=source["n_grid"],
        box_size=spec["box_size"],
        seed=spec["seed"],
        sim=sim,
    )
    write_simulation(
        simulation,
        Path(root),
        sim,
        set_name=source["set"],
        snapnum=source["snapshot"],
        dmo_chunks=source["dmo_chunks"],
        hydro_chunks=source["hydro_chunks"],
        naming=source["naming"],
        parameters=parameters,
    )
