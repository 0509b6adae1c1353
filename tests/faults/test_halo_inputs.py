"""Malformed inputs of halo maps: each is refused in one line that names the file."""

from functools import partial

import numpy as np
from halo_files import catalog_file, chunked_snapshot, dark, heavy, snapshot_file
from malformed import (
    BINARY,
    TEXT,
    Format,
    contract_of,
    edited,
    line_set,
    replaced,
    swapped,
    text_edited,
    without,
)
from malformed_arrays import CONTENTS, attribute_faults, hdf5_faults, hdf5_without, npz_faults
from malformed_texts import LONG, csv_faults, json_faults

from simlab.cli import main
from simlab.core.files import write_csv, write_text
from simlab.halo.files.catalogs import load_halo_catalog
from simlab.halo.files.records import KEYS, read_record, write_record
from simlab.halo.files.samples import read_sample, write_sample
from simlab.halo.files.snapshots import iter_particles, load_dmo_particles, load_hydro_particles
from simlab.halo.files.stats import load_normalization_stats, write_stats
from simlab.halo.parameters import ParameterTable, load_info

RES = 8


def command(*words):
    """Run `simlab halo WORDS`; SystemExit only if it fails."""
    try:
        main(["halo", *map(str, words)])
    except SystemExit as end:
        if end.code:
            raise


def snapshot(folder):
    return snapshot_file(folder / "snap_090.hdf5", {0: heavy(9, 2), 1: dark(12), 4: heavy(5, 3)})


def second_chunk(folder):
    return chunked_snapshot(folder / "snapdir_090", [{1: dark(5, seed)} for seed in range(3)])[1]


def catalog(folder):
    return catalog_file(folder / "fof.hdf5", [2000, 1500, 900, 3000])


CSV_ROWS = [(1.5, 2.5, 3.25, 2e13), (4.5, 5.5, 6.25, 3e13), (7.5, 8.5, 9.25, 4e13)]
UNITS = {"length": "Mpc/h", "mass": "Msun/h"}


def table_catalog(folder):
    write_csv(folder / "haloes.csv", ["x", "y", "z", "mass"], CSV_ROWS)
    return folder / "haloes.csv"


def rockstar(folder):
    rows = [f"{n} {m:g} {m:g} 400 1.5 2.5 {z}" for n, (_, _, z, m) in enumerate(CSV_ROWS)]
    head = ["#id mvir m200c r200c x y z", "#Box size: 50.0 Mpc/h"]
    write_text(folder / "out_0.list", "\n".join([*head, *rows]) + "\n")
    return folder / "out_0.list"


def parameter_table(folder):
    rows = [("SB35_0", 1.5, 0.8), ("SB35_1", 0.3, 0.75)]
    write_csv(folder / "params.csv", ["Name", "Omega0", "sigma8"], rows)
    return folder / "params.csv"


def spaced_table(folder):
    write_text(folder / "params.txt", "#Name Omega0 sigma8\nSB35_0 1.5 0.8\nSB35_1 0.3 0.75\n")
    return folder / "params.txt"


def all_rows(path, _):
    table = ParameterTable(path)
    return [table.row(sim) for sim in range(2)]


def info_table(folder):
    header = ["ParamName", "LogFlag", "FiducialVal", "MinVal", "MaxVal", "Description"]
    write_csv(folder / "info.csv", header, [("Omega0", 0, 1.5, 0.1, 2.0, "matter")])
    return folder / "info.csv"


def sample(folder, name="sample.npz"):
    rng = np.random.default_rng(1)
    maps = rng.uniform(1, 9, (7, RES, RES)).astype(np.float32)
    arrays = {"condition": maps[0], "target": maps[1:4], "large_scale": maps[4:]}
    arrays |= {"params": np.array([0.3, 0.8]), "halo_mass": np.float64(2e13)}
    write_sample(folder / name, arrays | {"halo_center": np.array([1.0, 2.0, 3.0])})
    return folder / name


def data_set(folder):
    rows = []
    for number in range(3):
        sample(folder, f"sim_{number}.npz")
        rows.append((f"s{number}", f"sim_{number}.npz", 0, "train", 1.5))
    write_csv(folder / "index.csv", ["id", "file", "position", "split", "halo_mass"], rows)
    return folder / "index.csv"


def sample_of_set(folder):
    data_set(folder)
    return folder / "sim_1.npz"


def normalization(path, out):
    command("compute-normalization", "--data_dir", path.parent, "--output", f"{out}/")


def statistics(folder):
    field = {"mean": 9.0, "std": 1.0, "count": 5, "min": 0.0, "max": 12.0}
    fields = dict.fromkeys(
        ("dark_matter", "gas", "stellar", "condition", "large_scale_12.5"), field
    )
    write_stats(
        f"{folder}/",
        fields,
        {"fraction": 0.5, "mean": 8.0, "std": 1.0},
        n_samples=3,
        spec_hash="0" * 64,
        param_names=["Omega0"],
        scales=[6.25, 12.5],
        reader={"condition_source": "condition", "per_scale": False},
    )
    return folder / "gas_normalization_stats.npz"


def record(folder):
    write_record(folder / "shard_00000.json", dict.fromkeys(KEYS - {"schema_version"}, 1))
    return folder / "shard_00000.json"


LIST = {
    **TEXT,
    "1 byte": edited(lambda content: content[:1]),
    "no header": line_set(1, None),
    "a header without columns": line_set(1, "#"),
    "no m200c": swapped("m200c", "m500c"),
    "a column twice": swapped("mvir", "m200c"),
    "a cell of text": swapped("2e+13 2e+13", "2e+13 heavy"),
    "not a number": swapped("2e+13 2e+13", "2e+13 nan"),
    "an infinity": swapped("2e+13 2e+13", "2e+13 inf"),
    "a number beyond all bounds": swapped("2e+13 2e+13", "2e+13 1e999"),
    "a short row": swapped(" 400 1.5", " 1.5"),
    "a long row": swapped(" 400 1.5", " 400 7 1.5"),
    "a cut row": text_edited(lambda text: text[: text.rindex(" 400")]),
    "commas": text_edited(lambda text: text.replace(" ", ",")),
    "a very long cell": swapped("2e+13 2e+13", "2e+13 " + "1" * LONG),
    "a very long line": swapped("2e+13 2e+13", "2e+13 " * 100_000),
    "a page of the web": replaced("<html><body>404</body></html>\n"),
    "a box of no size": swapped("50.0", "0.0"),
}
SPACED = {
    **TEXT,
    "1 byte": edited(lambda content: content[:1]),
    "only the header": text_edited(lambda text: text.splitlines()[0] + "\n"),
    "no header": line_set(1, None),
    "a column twice": swapped("sigma8", "Omega0"),
    "a row twice": line_set(3, "SB35_0 0.3 0.75"),
    "no row of a simulation": line_set(3, None),
    "a cell of text": swapped("1.5", "much"),
    "not a number": swapped("1.5", "nan"),
    "an infinity": swapped("1.5", "-inf"),
    "a number beyond all bounds": swapped("1.5", "1e999"),
    "a short row": swapped(" 1.5", ""),
    "a long row": swapped(" 1.5", " 1.5 7"),
    "a cut row": line_set(3, "SB35_1 0.3"),
    "commas in a row": line_set(2, "SB35_0,1.5,0.8"),
    "a very long cell": swapped("1.5", "1" * LONG),
}
HEADER = "Header"
FORMATS = {
    "snapshot, positions": Format(
        snapshot,
        lambda path, _: load_dmo_particles(path),
        hdf5_faults("PartType1/Coordinates")
        | attribute_faults("BoxSize", HEADER)
        | attribute_faults("NumPart_ThisFile", HEADER)
        | attribute_faults("MassTable", HEADER, wrong=("text", np.full(9, 1.0), np.nan, -1.0))
        | attribute_faults("NumFilesPerSnapshot", HEADER)
        | attribute_faults("NumPart_Total", HEADER),
    ),
    "snapshot, masses": Format(
        snapshot,
        lambda path, _: load_hydro_particles(path),
        hdf5_faults("PartType0/Masses") | hdf5_faults("PartType4/Coordinates"),
    ),
    "chunk of a snapshot": Format(
        second_chunk,
        lambda path, _: list(iter_particles(path.parent, 1)),
        without(hdf5_faults("PartType1/Coordinates"), "missing")
        | attribute_faults("BoxSize", HEADER),
    ),
    "snapshot, inspected": Format(
        snapshot,
        lambda path, _: command("inspect", path),
        attribute_faults("NumPart_ThisFile", HEADER)
        | attribute_faults("MassTable", HEADER, wrong=("text", np.full(9, 1.0), np.nan, -1.0))
        | attribute_faults("NumPart_Total", HEADER)
        | attribute_faults("BoxSize", HEADER)
        | BINARY
        | {"no Header": partial(hdf5_without, HEADER)},
    ),
    "FOF catalog": Format(
        catalog,
        lambda path, _: load_halo_catalog(path),
        hdf5_faults("Group/Group_M_Crit200")
        | hdf5_faults("Group/GroupPos")
        | attribute_faults("Ngroups_ThisFile", HEADER)
        | attribute_faults("Ngroups_Total", HEADER)
        | attribute_faults("NumFiles", HEADER)
        | attribute_faults("BoxSize", HEADER),
    ),
    "CSV catalog": Format(
        table_catalog,
        lambda path, _: load_halo_catalog(path, units=UNITS),
        csv_faults("x", cell="1.5"),
    ),
    "CSV catalog, inspected": Format(
        table_catalog,
        lambda path, _: command("inspect", path),
        csv_faults("mass", cell="1.5"),
        full=True,
    ),
    "Rockstar list": Format(rockstar, lambda path, _: load_halo_catalog(path), LIST),
    "parameter table": Format(
        parameter_table, all_rows, without(csv_faults("Omega0"), "no column")
    ),
    "parameter table with blanks": Format(spaced_table, all_rows, SPACED),
    "info table": Format(info_table, lambda path, _: load_info(path), csv_faults("FiducialVal")),
    "sample": Format(
        sample, lambda path, _: read_sample(path), npz_faults("condition") | npz_faults("target")
    ),
    "index": Format(data_set, normalization, csv_faults("halo_mass")),
    "sample of an index": Format(
        sample_of_set, normalization, npz_faults("large_scale"), full=True
    ),
    "statistics": Format(
        statistics,
        lambda path, _: load_normalization_stats(path.parent),
        npz_faults("gas_mag_mean", contents=without(CONTENTS, "a scalar")),
    ),
    "shard record": Format(record, lambda path, _: read_record(path), json_faults("code")),
}


(
    test_a_malformed_file_is_refused_in_one_line,
    test_the_intact_file_is_read,
    test_every_format_has_at_least_20_faults,
) = contract_of(FORMATS)
