"""Packages of finished data sets of all domains, read back by the programs they are made for."""

import json
import logging
import re
import shutil
import subprocess
import sys
import tarfile

import h5py
import hdf5plugin  # noqa: F401 - registers the compression filters
import numpy as np
import pytest
import yaml

import simlab
from simlab.core.errors import ChecksFailedError, IntegrityError
from simlab.core.files import read_csv, read_json, sha256_of, write_csv, write_json, write_text
from simlab.core.manifest import verify
from simlab.core.packages.described import licenses
from simlab.core.packages.source import arrays_of, column_types
from simlab.packages import DESCRIBED, KINDS, make_package, open_finished, write_package_manifest

DOMAINS = ("ptycho", "afm", "halo", "calcium", "lensing")
MEGABYTES = 0.2
"""Of a tar file, so that small data sets get several."""


@pytest.fixture(scope="module")
def place(
    tmp_path_factory, finished, finished_afm, finished_halo, finished_calcium, finished_lensing
):
    """A working directory with a finished data set of each domain, and its package."""
    root = tmp_path_factory.mktemp("packages")
    tiny = finished / "results" / "ptycho" / "tiny"
    folders = (tiny, finished_afm, finished_halo, finished_calcium, finished_lensing)
    for domain, folder in zip(DOMAINS, folders, strict=True):
        shutil.copytree(folder, root / "results" / domain / "small")
        package(root, domain)
    return root


def package(root, domain, kinds=KINDS):
    for kind in kinds:
        make_package(source_of(root, domain), kind, package_of(root, domain), megabytes=MEGABYTES)
    write_package_manifest(source_of(root, domain), package_of(root, domain))


def source_of(root, domain):
    return root / "results" / domain / "small"


def package_of(root, domain):
    return root / "packages" / domain / "small"


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def tars(folder, split):
    listed = read_json(folder / "webdataset" / f"{split}.json")["shardlist"]
    return [(folder / "webdataset" / entry["url"], entry) for entry in listed]


def assert_same(found, expected, name):
    np.testing.assert_array_equal(found, expected, err_msg=name, strict=True)


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_webdataset_library_gives_the_samples_of_the_reader(place, domain):
    import webdataset

    dataset = open_finished(source_of(place, domain)).dataset
    number = 0
    for split in ("train", "val", "test"):
        urls = [str(path) for path, _ in tars(package_of(place, domain), split)]
        part = dataset.split(split)
        read = webdataset.WebDataset(urls, shardshuffle=False).decode() if urls else []
        for found, expected, row in zip(read, part, part.index, strict=True):
            assert found["json"]["id"] == row["id"]
            members = {name for name in found if not name.startswith("__")}
            for name, array in expected.items():
                if array.ndim:
                    member = f"{name.replace('/', '.').lower()}.npy"
                    assert_same(found[member], array, name)
                    members.remove(member)
                else:
                    assert_same(
                        np.asarray(found["json"]["scalars"][name], array.dtype), array, name
                    )
            assert members == {"json"}
            number += 1
    assert number == sum(row["split"] != "excluded" for row in dataset.index)


@pytest.mark.parametrize("domain", DOMAINS)
def test_tars_are_listed_and_keep_to_their_size(place, domain):
    sizes = []
    for split in ("train", "val", "test"):
        for path, entry in tars(package_of(place, domain), split):
            with tarfile.open(path) as tar:
                members = tar.getmembers()
            keys = [member.name.split(".")[0] for member in members]
            assert keys == sorted(keys)
            assert len(set(keys)) == entry["nsamples"]
            assert path.stat().st_size == entry["filesize"]
            sizes.append(sum(512 + -(-m.size // 512) * 512 for m in members))
            assert sizes[-1] <= MEGABYTES * 1e6 or entry["nsamples"] == 1
            assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
                (0, 0, 0, "", "", 0o644)
            }
    assert sizes


@pytest.mark.parametrize("domain", ["ptycho", "halo", "lensing"])
def test_arrays_of_the_one_file_are_those_of_the_reader(place, domain):
    dataset = simlab.open_dataset(source_of(place, domain))
    with h5py.File(package_of(place, domain) / "dataset.h5") as file:
        names = json.loads(file.attrs["sample_arrays"])
        joined = dataset.collate(list(dataset))
        assert set(names) == set(joined)
        for name in names:
            assert_same(file[name][:], joined[name], name)
            assert file[name].attrs["description"]
            assert file[name].is_virtual == (domain != "halo")
            assert not file[name].id.get_create_plist().get_obj_track_times()


def test_atoms_of_the_one_file_are_those_of_the_reader(place):
    dataset = simlab.open_dataset(source_of(place, "afm"))
    with h5py.File(package_of(place, "afm") / "dataset.h5") as file:
        ends = file["mol/ptr"][:]
        assert ends[0] == 0
        assert ends[-1] == len(file["mol/data"])
        for row, sample in enumerate(dataset):
            assert_same(file["mol/data"][ends[row] : ends[row + 1]], sample["mol"], "mol")
            assert_same(file["afm"][row], sample["afm"], "afm")


def test_recordings_of_the_one_file_are_those_of_the_data_set(place):
    folder = source_of(place, "calcium")
    files = read_json(folder / "manifest.json")["files"]
    with h5py.File(package_of(place, "calcium") / "dataset.h5") as file:
        for row in simlab.open_dataset(folder).index:
            group, names = file["samples"][row["id"]], files[row["file"]]["arrays"]
            with h5py.File(folder / row["file"]) as recording:
                for name in names:
                    assert_same(group[name][()], recording[name][()], name)
                for name in ("/", "observed", "ground_truth", "ground_truth/planted"):
                    told = group if name == "/" else group[name]
                    for key, value in recording[name].attrs.items():
                        np.testing.assert_array_equal(told.attrs[key], value, strict=True)


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_one_file_has_splits_and_table(place, domain):
    header, rows = read_csv(source_of(place, domain) / "index.csv")
    with h5py.File(package_of(place, domain) / "dataset.h5") as file:
        for split in ("train", "val", "test", "excluded"):
            expected = [number for number, row in enumerate(rows) if row[3] == split]
            assert file["rows"][split][:].tolist() == expected
        for place_of, name in enumerate(header):
            column = file["table"][name]
            values = column.asstr()[:] if column.dtype.kind == "O" else column[:]
            cells = [row[place_of] for row in rows]
            if column.dtype.kind == "f":
                assert_same(values, np.array([float(cell or "nan") for cell in cells]), name)
            else:
                assert [str(value) for value in values] == cells
        assert file.attrs["format"] == f"{domain}-consolidated"
        assert (
            json.loads(file.attrs["spec"])
            == read_json(source_of(place, domain) / "manifest.json")["spec"]
        )


def test_data_set_and_package_can_be_moved_together(place, tmp_path):
    for part in ("results", "packages"):
        shutil.copytree(place / part / "lensing", tmp_path / part / "lensing")
    with h5py.File(package_of(tmp_path, "lensing") / "dataset.h5") as file:
        there = file["images"][:]
    shutil.move(tmp_path / "results" / "lensing", tmp_path / "gone")
    with h5py.File(package_of(tmp_path, "lensing") / "dataset.h5") as file:
        missing = file["images"][:]
    assert np.isfinite(there).all()
    assert np.isnan(missing).all()


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph")
@pytest.mark.parametrize("domain", DOMAINS)
def test_croissant_is_valid_and_its_records_are_the_index(place, domain, caplog):
    import mlcroissant

    path = package_of(place, domain) / "croissant.json"
    with caplog.at_level(logging.WARNING):
        described = mlcroissant.Dataset(jsonld=str(path))
        issues = described.metadata.ctx.issues
        assert not issues.errors
        assert not issues.warnings
        records = list(described.records("index"))
    assert [record.message for record in caplog.records] == []
    source = open_finished(source_of(place, domain))
    types = column_types(source)
    for record, row in zip(records, source.dataset.index, strict=True):
        for name, cell in row.items():
            found = record[f"index/{name}"]
            if types[name] is str:
                assert (found or b"").decode() == cell
            elif cell:
                assert found == pytest.approx(types[name](cell), rel=1e-15)
            else:
                assert found is None
    splits = [(r["splits/name"], r["splits/samples"]) for r in described.records("splits")]
    assert dict(splits) == source.counts()
    told = {r["arrays/name"]: r["arrays/dtype"] for r in described.records("arrays")}
    assert told == {name: str(array.dtype) for name, array in source.dataset[0].items()}


@pytest.mark.parametrize("domain", DOMAINS)
def test_croissant_names_all_files_of_the_data_set(place, domain):
    folder, target = source_of(place, domain).resolve(), package_of(place, domain)
    found = set()
    for entry in read_json(target / "croissant.json")["distribution"]:
        if "contentUrl" in entry:
            path = (target / entry["contentUrl"]).resolve()
            assert sha256_of(path) == entry["sha256"]
            files = {path}
        else:
            files = {path.resolve() for path in target.glob(entry["includes"])}
            assert len(files) >= int(entry["description"].split()[0])
        found |= {path.relative_to(folder).as_posix() for path in files}
    assert found >= {"manifest.json", *read_json(folder / "manifest.json")["files"]}


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_card_tells_arrays_checks_and_license(place, domain):
    text = (package_of(place, domain) / "README.md").read_text()
    source = open_finished(source_of(place, domain))
    _, header, _ = text.split("---\n", 2)
    front = yaml.safe_load(header)
    assert front["pretty_name"] == source.name
    assert front["license"] == "mit"
    listed = [entry["split"] for entry in front["configs"][0]["data_files"]]
    assert listed == [split for split in source.counts() if split != "excluded"]
    for name in (*source.dataset[0], *source.header, *(row["id"] for row in source.checks)):
        assert f"`{name}`" in text, name
    for split, count in source.counts().items():
        assert f"| {split} | {count} |" in text
    assert f"seed {source.manifest['seed']}" in text
    assert source.manifest["code"] in text
    assert str(place) not in text
    picture = re.search(r"!\[.*?\]\((.*?)\)", text)[1]
    preview = source_of(place, domain) / "preview.png"
    assert (package_of(place, domain) / picture).read_bytes() == preview.read_bytes()


def test_the_code_of_cards_runs(place):
    for domain in DOMAINS:
        folder = package_of(place, domain)
        code = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
        assert len(code) == 1
        done = subprocess.run(
            [sys.executable, "-c", code[0]], cwd=folder, capture_output=True, text=True, check=True
        )
        count = len(simlab.open_dataset(source_of(place, domain)))
        assert done.stdout.startswith(f"{count} samples\n")


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_array_and_column_is_described(place, domain):
    source = open_finished(source_of(place, domain))
    assert set(arrays_of(source)) <= set(source.described.arrays)
    for name in source.header:
        assert source.described.column(name)[1]
    assert all(meaning for _, meaning in source.described.arrays.values())


def test_shipped_inputs_are_named_with_their_license_and_those_of_the_user_without(place, tmp_path):
    specs = {d: read_json(source_of(place, d) / "manifest.json")["spec"] for d in DOMAINS}

    def found(domain, folder=tmp_path, **changes):
        spec = json.loads(json.dumps(specs[domain]))
        for path, value in changes.items():
            *parents, key = path.split("__")
            part = spec
            for name in parents:
                part = part[name]
            part[key] = value
        return licenses(DESCRIBED[domain].inputs(spec, folder))

    star = "resources/ptycho/siemens_star_n64.npz"
    assert found("ptycho", object__file=star, probe__file=star) == ["BSD-3-Clause", "MIT"]
    assert found("ptycho", scan__file="mine.csv") is None
    assert found("afm") == ["MIT"]
    assert found("afm", molecules=["mine.xyz"]) is None
    assert found("afm", grids={"potential": "{molecule}.xsf"}) is None
    assert found("lensing", simulator__parameters="resources/lensing/sie_rows.csv") == ["MIT"]
    assert found("lensing", simulator__parameters="mine.csv") is None
    assert found("calcium") == ["MIT"]
    assert found("halo", folder=source_of(place, "halo")) == ["MIT"]
    assert found("halo", source__kind="camels") is None
    assert found("halo", source__parameters="sobol") == ["MIT"]
    table = source_of(place, "halo") / "inputs" / "params.csv"
    header, rows = read_csv(table)
    rows[0][2] = "0.8"
    write_csv(tmp_path / "inputs" / "params.csv", header, rows)
    assert found("halo") is None


def test_equal_data_sets_give_equal_packages(place, tmp_path):
    for domain in ("calcium", "halo"):
        shutil.copytree(source_of(place, domain), source_of(tmp_path, domain))
        package(tmp_path, domain)
        assert contents(package_of(tmp_path, domain)) == contents(package_of(place, domain))


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_manifest_of_a_package_names_its_files(place, domain, tmp_path):
    copy = shutil.copytree(package_of(place, domain), tmp_path / "copy")
    assert verify(copy) == []
    listed = {*read_json(copy / "manifest.json")["files"], "manifest.json"}
    assert listed == set(contents(copy))
    (tar, _), *_ = tars(copy, "train")
    tar.write_bytes(tar.read_bytes()[:-1] + b"x")
    (problem,) = verify(copy)
    assert str(tar) in problem


def test_a_smaller_number_of_tars_leaves_none_of_the_earlier(place, tmp_path):
    source = source_of(place, "ptycho")
    assert len(make_package(source, "webdataset", tmp_path, ["train"], MEGABYTES)) > 2
    make_package(source, "webdataset", tmp_path, ["train"], 100)
    assert [path.name for path in sorted((tmp_path / "webdataset").iterdir())] == [
        "train-00000.tar",
        "train.json",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_set_whose_checks_failed_is_not_packaged(place, tmp_path, kind):
    folder = shutil.copytree(source_of(place, "lensing"), tmp_path / "spoiled")
    rows = read_json(folder / "checks.json")
    rows[0]["passed"] = False
    write_json(folder / "checks.json", rows)
    with pytest.raises(ChecksFailedError, match=f"{rows[0]['id']} failed"):
        make_package(folder, kind, tmp_path / "package")
    assert not (tmp_path / "package").exists()


def test_a_data_set_of_two_runs_is_not_packaged(place, tmp_path):
    folder = shutil.copytree(source_of(place, "lensing"), tmp_path / "spoiled")
    index = folder / "index.csv"
    write_text(index, index.read_text().replace(",train,", ",test,", 1))
    with pytest.raises(IntegrityError, match=r"index\.csv: content differs"):
        make_package(folder, "card", tmp_path / "package")


def test_rules_and_command_write_the_same_bytes(copy_of, snakemake, run):
    snakemake("packages", "-q", "all", "--configfile", copy_of / "campaign.yaml", directory=copy_of)
    made = contents(copy_of / "packages" / "ptycho" / "tiny")
    assert {"dataset.h5", "croissant.json", "README.md", "manifest.json"} < set(made)
    run("simlab.cli", "package", "results/ptycho/tiny", "-o", "own/ptycho/tiny", cwd=copy_of)
    assert contents(copy_of / "own" / "ptycho" / "tiny") == made
    wrong = run(
        "simlab.cli", "package", "results/ptycho/tiny", "--kind", "zip", cwd=copy_of, code=1
    )
    assert wrong.stderr == (
        "Error: package 'zip' is unknown, known: webdataset, consolidated, croissant, card\n"
    )
