"""Tiny runs of the halo commands that tests share."""

from halo_campaign import sample_bytes

from simlab.cli import main

SYNTHETIC = {
    "--synthetic": True,
    "--n_grid": 16,
    "--resolution": 16,
    "--total_sims": 3,
    "--test_frac": 0.34,
    "--num_rotations": 2,
    "--max_haloes": 3,
}
FOLDER = "train_data_rotated_16"
PUBLISHED = (
    *("index.csv", "split.json", "normalization.json", "dark_matter_normalization_stats.npz"),
    *("gas_normalization_stats.npz", "stellar_normalization_stats.npz"),
)


def arguments(options):
    """{option: value} as a command line; True = the option alone, None = left out."""
    words = []
    for option, value in options.items():
        if isinstance(value, list | tuple):
            words += [option, *value]
        elif value is not None:
            words += [option] if value is True else [option, value]
    return [str(word) for word in words]


def processing(root, changes=None, base=SYNTHETIC):
    """Command line of process-simulations with `changes` of the options of `base`."""
    options = {"--output_base_root": root, **base, **(changes or {})}
    return ["process-simulations", *arguments(options)]


def of_pairs(pairs):
    """Options for the simulations of fixture `pairs` in place of synthetic ones."""
    return {
        **{option: value for option, value in SYNTHETIC.items() if option != "--n_grid"},
        "--synthetic": None,
        "--nbody_base": pairs / "DMO",
        "--hydro_base": pairs / "Hydro",
        "--fof_nbody_base": pairs / "FOF",
        "--param_file": pairs / "params.csv",
    }


def call(*words):
    """Exit code of `simlab halo ...`, in this process."""
    try:
        main(["halo", *map(str, words)])
    except SystemExit as end:
        return end.code or 0
    return 0


def published_bytes(folder):
    """{file: bytes} of samples, index, split and statistics."""
    files = {name: (folder / name).read_bytes() for name in PUBLISHED}
    return files | sample_bytes(folder)


def files_in(folder):
    """Paths of all files below a folder, relative to it."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
