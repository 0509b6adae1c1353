"""Checks C2, C3, C8, C11, C12 and C14: records against the configuration and each other."""

import numpy as np

from simlab.core.checks import Check
from simlab.core.errors import InputFileError
from simlab.halo.check_case import Counted, Watching, Worst
from simlab.halo.index_rows import COLUMNS, index_row
from simlab.halo.names import SCALES, id_of
from simlab.halo.splits import train_test_split
from simlab.halo.views import view

SAME_COSMOLOGY = 1e-3
"""Relative; headers and tables are rounded differently."""
NAMED = 3
"""Warnings that are named in full."""
ORTHOGONAL = 1e-12


class Scales(Watching):
    """C2: one set of scales everywhere."""

    def __init__(self, case):
        super().__init__(case)
        self.wrong = Counted()
        self.expected = list(case.dataset.maps.scales)
        other = tuple(case.inference_scales) != SCALES
        self.wrong.see(other, f"inference takes {case.inference_scales}")

    def see_record(self, record):
        """Compare the record with the configuration."""
        self.wrong.see(
            record["scales"] != self.expected,
            f"sim {record['sim']} has {record['scales']}, the configuration {self.expected}",
        )

    def row(self):
        """C2."""
        return self.wrong.row("C2", "scales of configuration, records and inference")


class Shapes(Watching):
    """C3: the arrays of every sample that index.csv lists; statistics of this data set."""

    def __init__(self, case):
        super().__init__(case)
        self.wrong = Counted()
        self.recorded = set()
        for name in case.listed_twice:
            self.wrong.see(True, f"index.csv lists {name} twice", name)
        self.unreadable = {}
        """File: text, of the samples that could not be read again."""

    def see_record(self, record):
        """Compare resolution and specification with the configuration."""
        res = self.case.dataset.maps.resolution
        where = f"sim {record['sim']}"
        self.wrong.see(record["resolution"] != res, f"{where}: resolution {record['resolution']}")
        self.wrong.see(record["spec_hash"] != self.case.spec_hash, f"{where}: other specification")
        self.recorded.update(entry["file"] for entry in record["samples"])

    def row(self):
        """C3."""
        maps = self.case.dataset.maps
        res, levels = maps.resolution, len(maps.scales) - 1
        expected = {
            "condition": (res, res),
            "target": (3, res, res),
            "large_scale": (levels, res, res),
        }
        listed = set()
        for name, (file, _) in self.case.samples.items():
            listed.add(file)
            try:
                found = {} if file in self.unreadable else self.case.shapes(file)
            except InputFileError as error:
                self.unreadable[file] = str(error)
            if file in self.unreadable:
                self.wrong.see(True, self.unreadable[file], name)
                continue
            for key, shape in expected.items():
                self.wrong.see(found.get(key) != shape, f"{file}: {key} {found.get(key)}", name)
        for file in sorted(listed ^ self.recorded):
            self.wrong.see(True, f"{file} is not in both index.csv and records")
        return self.wrong.row("C3", "arrays of every sample that is listed, and their record")


class Parameters(Watching):
    """C8: parameters equal to the table's; samples and index.csv that say what the records say."""

    def __init__(self, case):
        super().__init__(case)
        self.wrong = Counted()
        self.warned = 0
        self.names = None

    def see_record(self, record):
        """Compare the record with the table."""
        where = f"sim {record['sim']}"
        self.names = self.names if self.names is not None else record["param_names"]
        names, values = self.case.table_row(record["sim"])
        self.wrong.see(record["param_names"] != self.names, f"{where}: other names")
        self.wrong.see(list(names) != record["param_names"], f"{where}: names not of the table")
        self.wrong.see(list(values) != record["params"], f"{where}: values not of the table")
        self._see_headers(record)
        self.warned += len(record["warnings"]) if record["shard"] == 0 else 0
        haloes = {halo["halo_idx"]: halo for halo in record["haloes"]}
        for entry in record["samples"]:
            self._see_row(record, haloes[entry["halo_idx"]], entry)

    def _see_headers(self, record):
        """Compare the table with the snapshots, which tells whether its rows are mixed up."""
        stated = {"Omega0": record["omega0"]["dmo"], **record.get("cosmology", {})}
        runs = {"OmegaBaryon": "hydro"}
        for name, value in self.case.cosmology(record["sim"]).items():
            told = stated.get(name)
            if told:  # runs of dark matter alone may tell no baryons
                text = (
                    f"sim {record['sim']}: {name} is {value:g} in the table, {told:g} in the "
                    f"{runs.get(name, 'DMO')} run"
                )
                self.wrong.see(abs(value / told - 1) > SAME_COSMOLOGY, text)

    def _see_row(self, record, halo, entry):
        """Compare index.csv with the record; C3 and C11 look at the names and the split."""
        row = index_row(record, halo, entry)
        name = row[0]
        cells = self.case.row_of(name)
        if cells is None:
            return
        for column, cell, value in zip(self.case.columns, cells, row, strict=False):
            if column not in ("id", "file", "split"):
                text = f"index.csv: {column} of {name} is {cell}, in the record {value}"
                self.wrong.see(cell != str(value), text, name)

    def see_sample(self, name, record, entry, sample):
        """Compare the sample with its record."""
        halo = next(h for h in record["haloes"] if h["halo_idx"] == entry["halo_idx"])
        expected = {
            "params": record["params"],
            "halo_mass": halo["mass"],
            "halo_center": halo["center"],
            "group_index": halo["group_index"],
        }
        for key, value in expected.items():
            same = key not in sample or np.array_equal(sample[key], value)
            self.wrong.see(not same, f"{name}: {key} differs from the record", name)

    def row(self):
        """C8."""
        columns = [*COLUMNS, *(self.names or [])]
        same = self.names is None or self.case.columns == columns
        self.wrong.see(not same, f"index.csv has columns {', '.join(self.case.columns)}")
        what = (
            f"parameters against the table ({self.warned} warnings), Omega0, OmegaBaryon and "
            "HubbleParam of the table against the headers, samples and index.csv against the "
            "records"
        )
        return self.wrong.row("C8", what)


class Split(Watching):
    """C11: no simulation on both sides."""

    def __init__(self, case):
        super().__init__(case)
        self.wrong = Counted()
        options, split = case.dataset.simulations, case.split
        train, test = train_test_split(options.total, options.test_fraction, case.dataset.seed)
        self.where = dict.fromkeys(train, "train") | dict.fromkeys(test, "test")
        self.wrong.see(bool(set(split["train"]) & set(split["test"])), "a sim is on both sides")
        same = split["train"] == train and split["test"] == test
        self.wrong.see(not same, "split.json is not that of total, fraction and seed")

    def see_record(self, record):
        """Compare the place of the record with the split."""
        sim, split = record["sim"], record["split"]
        self.wrong.see(self.where.get(sim) != split, f"sim {sim} is in {split}")
        for entry in record["samples"]:
            name = id_of(entry["file"])
            listed = self.case.samples.get(name, (None, split))[1]
            self.wrong.see(listed != split, f"index.csv has {name} in {listed}", name)

    def row(self):
        """C11."""
        return self.wrong.row("C11", "split by simulation, as drawn from total, fraction and seed")


class Rotations(Watching):
    """C12: proper, distinct rotations that their keys give."""

    def __init__(self, case):
        super().__init__(case)
        self.worst = Worst()
        self.keys = set()

    def see_record(self, record):
        """Derive each rotation again from its key."""
        options = self.case.dataset.rotations
        groups = {halo["halo_idx"]: halo["group_index"] for halo in record["haloes"]}
        for entry in record["samples"]:
            name = id_of(entry["file"])
            found = np.array(entry["rot_matrix"])
            orthogonal = np.max(np.abs(found @ found.T - np.eye(3)))
            self.worst.see(orthogonal, ORTHOGONAL, name)
            self.worst.see(abs(np.linalg.det(found) - 1), ORTHOGONAL, name)
            expected, key = view(
                self.case.dataset.seed,
                record["sim"],
                entry["halo_idx"],
                groups[entry["halo_idx"]],
                entry["rot"],
                scheme=options.scheme,
                identity=options.first_is_identity and entry["rot"] == 0,
            )
            self.worst.see(np.max(np.abs(found - expected)), ORTHOGONAL, name)
            self.worst.see(list(key) != entry["seed_key"], 0.5, name)
            if options.scheme == "so3":
                self.worst.see(tuple(key) in self.keys, 0.5, name)
                self.keys.add(tuple(key))

    def see_sample(self, name, record, entry, sample):
        """Compare the rotation that the sample holds with that of its record."""
        for key in ("rot_matrix", "seed_key"):
            same = key not in sample or np.array_equal(sample[key], entry[key])
            self.worst.see(not same, 0.5, name)

    def row(self):
        """C12."""
        return self.worst.row("C12", "rotations proper, distinct, and those of their keys")


class Numbers(Watching):
    """C14: what was left out on purpose."""

    def __init__(self, case):
        super().__init__(case)
        self.left_out = self.chunks = 0
        self.warnings = []

    def see_record(self, record):
        """Count what the simulation leaves out, once."""
        if record["shard"] != 0:
            return
        most = self.case.dataset.haloes.max_per_simulation
        self.left_out += max(0, record["n_kept"] - most) if most else 0
        self.chunks += sum(len(chunks) for chunks in record["missing_chunks"].values())
        self.warnings += [f"sim {record['sim']}: {text}" for text in record["warnings"]]

    def row(self):
        """C14."""
        what = (
            f"left out: {self.left_out} haloes beyond max_per_simulation, {self.chunks} missing "
            f"chunks; {len(self.warnings)} parameters outside the info table"
        )
        if self.warnings:
            more = ", ..." if len(self.warnings) > NAMED else ""
            what += f" ({', '.join(self.warnings[:NAMED])}{more})"
        total = self.left_out + self.chunks + len(self.warnings)
        return Check("C14", what, total, None, "counted", True)
