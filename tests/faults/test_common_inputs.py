"""Malformed files that all domains share: each is refused in one line that names the file."""

import json

import numpy as np
import pytest
import yaml
from calcium_finished import SPEC
from malformed import (
    Format,
    contract_of,
    line_set,
    swapped,
    text_edited,
    without,
)
from malformed_arrays import CONTENTS, attribute_faults, hdf5_faults, npz_faults
from malformed_texts import csv_faults, json_faults, yaml_faults

from simlab.cli import main
from simlab.core.dataset import Dataset
from simlab.core.files import read_json, write_csv, write_json, write_npz, write_text
from simlab.core.hdf5 import create_hdf5, write_attributes
from simlab.core.inputs import MAX_RATIO, MAX_UNPACKED_BYTES, require_unpackable
from simlab.core.manifest import write_manifest

CAMPAIGN = {
    "lensing": {"datasets": {"tiny": {"simulator": {"size": 6, "imagesize": 64}}}},
    "calcium": {"datasets": {"tiny": {"spec": SPEC}}},
}


def command(*words):
    """Run `simlab WORDS`; SystemExit only if it fails."""
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        if end.code:
            raise


def campaign(folder):
    write_text(folder / "two.yaml", yaml.safe_dump(CAMPAIGN))
    return folder / "two.yaml"


def manifest(folder):
    write_npz(folder / "a.npz", {"x": np.eye(3)})
    path = folder / "manifest.json"
    write_manifest(
        path, domain="afm", dataset="d", files=["a.npz"], spec={"seed": 1}, seed=1, code="0" * 64
    )
    return path


def verify(path, _):
    command("verify", path)


def rows(folder):
    write_npz(folder / "a.npz", {"x": np.eye(3, dtype=np.float32)})
    with create_hdf5(folder / "b.h5") as file:
        write_attributes(file, {"sample_arrays": ["x"]})
        file["x"] = np.ones((3, 4, 4), np.float32)
    table = [("s0", "a.npz", 0, "train", 1.5), *((f"s{n}", "b.h5", n, "val", 2.5) for n in (1, 2))]
    write_csv(folder / "index.csv", ["id", "file", "position", "split", "mass"], table)
    return folder / "index.csv"


def sample(name):
    """Function that makes a data set and gives the path of a file of samples in it."""

    def make(folder):
        rows(folder)
        return folder / name

    return make


def samples(path, _):
    return list(Dataset(path.parent))


def statistics(folder):
    write_json(folder / "normalization.json", {"x": {"mean": 1.0, "std": 2.0}})
    return folder / "normalization.json"


def entry(key, value):
    """The fault that an entry of the manifest is another."""

    def change(text):
        content = json.loads(text)
        content["files"]["a.npz"][key] = value
        return json.dumps(content)

    return text_edited(change)


def renamed(name):
    """The fault that the manifest calls its file `name`."""
    return swapped('"a.npz"', json.dumps(name))


MANIFEST = {
    **json_faults("files"),
    "another format": swapped('"format": 1', '"format": 2'),
    "no number of the format": swapped('"format"', '"formed"'),
    "files as a list": text_edited(lambda text: json.dumps({"format": 1, "files": ["a.npz"]})),
    "a hash that is no text": entry("sha256", 3),
    "a hash that is missing": entry("sha256", None),
    "a size of text": entry("bytes", "many"),
    "a negative size": entry("bytes", -1),
    "an entry that is no mapping": text_edited(
        lambda text: json.dumps({"format": 1, "files": {"a.npz": 3}})
    ),
    "a company of another kind": entry("made_with", 7),
    "a file above": renamed("../a.npz"),
    "an absolute file": renamed("/etc/passwd"),
    "a file without name": renamed(""),
}
INDEX = {
    **without(
        csv_faults("position", cell="0"),
        *("only the header", "a cut row"),
        *("a decimal comma", "a very long line"),
    ),
    "an unknown split": swapped("train", "trian"),
    "an id twice": swapped("s1,", "s0,"),
    "no id": swapped("s1,", ","),
    "a negative position": swapped("b.h5,1", "b.h5,-1"),
    "a position beyond the samples": swapped("b.h5,1", "b.h5,3"),
    "a huge position": swapped("b.h5,1", "b.h5," + "9" * 30),
    "a file above": swapped("a.npz", "../a.npz"),
    "an absolute file": swapped("a.npz", "/etc/passwd"),
    "no file": swapped("a.npz", ""),
    "columns in another order": swapped("id,file", "file,id"),
    "a cell too few": line_set(2, "s0,a.npz,0,train"),
}
ANY_VALUE = ("a list", "a number", "null", "a text", "an empty object")
FINITE = without(CONTENTS, "not a number in it", "an infinity in it")
LOOSE = without(FINITE, "text in it", "dates in it", "records in it", "one axis more", "a scalar")
FORMATS = {
    "campaign": Format(
        campaign,
        lambda path, _: command("plan", path),
        yaml_faults("lensing"),
    ),
    "manifest": Format(manifest, verify, MANIFEST),
    "index": Format(rows, samples, INDEX),
    "samples in HDF5": Format(
        sample("b.h5"),
        samples,
        without(hdf5_faults("x", contents=LOOSE), "x: words")
        | without(
            attribute_faults("sample_arrays", wrong=("text", '{"x": 1}', "[1]", '["y"]')),
            "attribute sample_arrays: missing",  # the whole file is one sample
        ),
    ),
    "a sample in npz": Format(
        sample("a.npz"), samples, without(npz_faults("x", contents={}), "no x")
    ),
    "statistics": Format(
        statistics, lambda path, _: read_json(path), without(json_faults("x"), "no x", *ANY_VALUE)
    ),
}


(
    test_a_malformed_file_is_refused_in_one_line,
    test_the_intact_file_is_read,
    test_every_format_has_at_least_20_faults,
) = contract_of(FORMATS)


def test_large_arrays_are_read_if_the_file_holds_a_fair_part_of_them():
    """Maps of zeros deflate by a factor of a thousand; those of a usual size are no bombs."""
    size = MAX_RATIO * MAX_UNPACKED_BYTES
    require_unpackable(MAX_UNPACKED_BYTES, 1, "zeros")
    require_unpackable(size, size // MAX_RATIO, "maps")
    with pytest.raises(ValueError, match=f"bomb would unpack {size // MAX_RATIO - 1} bytes"):
        require_unpackable(size, size // MAX_RATIO - 1, "bomb")
