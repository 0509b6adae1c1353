"""Names from configurations, tables and manifests lead to no file outside of the data set."""

import json
import shutil

import pytest
import yaml
from afm_finished import SMALL as AFM
from fault_helpers_mutations import bases
from five_domains import CAMPAIGN, DOMAINS
from lensing_samples import row_of

from simlab.calcium.config import CalciumDataset
from simlab.campaign import PLANS, load_campaign
from simlab.core.config import parse_config
from simlab.core.dataset import Dataset
from simlab.core.errors import ConfigError, InputFileError, SimlabError
from simlab.core.files import write_csv, write_npz
from simlab.core.manifest import verify, write_manifest
from simlab.lensing import specs as lensing_specs
from simlab.lensing.config import DatasetConfig as LensingDataset
from simlab.lensing.stages.parameters import write_parameters

ESCAPES = ["..", ".", "../x", "/abs", "a/b", "a/../../b", "", " ", ".hidden", "-x", "~", "a\\b"]
ODD = [
    "a\nb",
    "a\n",
    "{shard}",
    "{dataset}",
    "a b",
    "con%00",
    "a\x00b",
    "größe",
    "名前",
    "*",
    "$HOME",
]
LONG = ["x" * 101, "x" * 256, "x" * 5000]
USABLE = ["a", "0", "a..b", "A+b", "v1.2-final_", "x" * 100]


@pytest.mark.parametrize("name", [*ESCAPES, *ODD, *LONG], ids=lambda name: ascii(name)[:12])
@pytest.mark.parametrize("domain", DOMAINS)
def test_names_that_no_folder_should_have_are_refused_for_data_sets(domain, name):
    with pytest.raises(ConfigError) as caught:
        load_campaign({domain: {"datasets": {name: bases(domain)[0]}}}, "campaign.yaml")
    head, line = str(caught.value).split("\n")
    assert head == "campaign.yaml: 1 problem"
    assert line.startswith(f"  {domain}.datasets.")
    assert "is not a usable name (letters, digits, _ . + -, first a letter or digit" in line
    assert line.isprintable()


@pytest.mark.parametrize("name", USABLE)
def test_every_target_of_a_usable_name_lies_in_the_folder_of_its_data_set(name):
    datasets = {domain: {"datasets": {name: bases(domain)[0]}} for domain in DOMAINS}
    campaign = load_campaign(datasets)
    for domain in PLANS:
        for path in campaign.targets(domain):
            assert path.startswith(f"results/{domain}/{name}/")
            assert ".." not in path.split("/")
            assert all(len(part.encode()) <= 255 for part in path.split("/"))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "..", "a/b", ""])
def test_sets_of_halo_simulations_are_names_too(name):
    source = {"kind": "synthetic", "n_grid": 16, "set": name}
    with pytest.raises(ConfigError, match=r"halo\.datasets\.one\.source.*set.*: "):
        load_campaign({"halo": {"datasets": {"one": {"source": source}}}})


@pytest.mark.parametrize("stage", ["../x", "/etc/passwd", "a/b", "..", "vignette/../../x"])
def test_stages_of_calcium_movies_are_those_of_the_recording(stage):
    mapping = CAMPAIGN["calcium"]["datasets"]["tiny"] | {"stages": [stage]}
    problems = PLANS["calcium"].problems(parse_config(CalciumDataset, mapping))
    assert problems
    assert "is no step of this recording" in problems[0]


@pytest.mark.parametrize(
    "name", ["../x.png", "/abs.png", "a/b.png", "..", ".hidden.png", "a\nb.png", "x" * 251 + ".png",
             "a\\b.png", "é" * 120 + ".png"],
)  # fmt: skip
def test_picture_names_of_a_table_stay_in_the_folder_of_pictures(name, tmp_path):
    rows = [row_of() | {"index": 1, "filename": name, "einsteinradius": 9, "x": 6, "y": 3}]
    write_csv(tmp_path / "rows.csv", list(rows[0]), [row.values() for row in rows])
    mapping = {"simulator": {"parameters": str(tmp_path / "rows.csv"), "imagesize": 64}}
    spec = lensing_specs.parameters_spec(parse_config(LensingDataset, mapping))
    output = tmp_path / "results" / "parameters.csv"
    with pytest.raises(SimlabError, match="filename is "):
        write_parameters(spec, output, table=tmp_path / "rows.csv", folder=None)
    assert not output.exists()


@pytest.mark.parametrize("stem", ["a{b}", "{molecule}", "a\nb", "x" * 240])
def test_molecules_whose_names_no_file_of_ours_could_have_are_refused(stem, tmp_path, root):
    shutil.copy(root / "resources/afm/molecules/formic_acid.xyz", tmp_path / f"{stem}.xyz")
    with pytest.raises(ConfigError, match="cannot name the files of a molecule") as caught:
        load_campaign({"afm": {"datasets": {"one": AFM | {"molecules": [f"{tmp_path}/*.xyz"]}}}})
    assert len(str(caught.value).splitlines()) == 2


@pytest.fixture
def outside(tmp_path):
    """A file beside the data set that nobody may touch through it; the folder of the data set."""
    folder = tmp_path / "results" / "afm" / "one"
    folder.mkdir(parents=True)
    write_npz(tmp_path / "outside.npz", {"a": [1.0, 2.0]})
    write_npz(folder / "inside.npz", {"a": [1.0, 2.0]})
    return tmp_path / "outside.npz", folder


@pytest.mark.parametrize("way", ["../../../outside.npz", "x/../../../../outside.npz", "absolute"])
def test_a_manifest_names_no_file_outside_of_its_folder(outside, way, run):
    target, folder = outside
    name = str(target) if way == "absolute" else way
    write_manifest(
        folder / "manifest.json", domain="afm", dataset="one", files=["inside.npz"], spec={},
        seed=1, code="code",
    )  # fmt: skip
    assert verify(folder) == []
    content = json.loads((folder / "manifest.json").read_text())
    content["files"] = {name: content["files"]["inside.npz"]}
    (folder / "manifest.json").write_text(json.dumps(content))
    done = run("simlab.cli", "verify", folder, cwd=folder, code=1)
    assert "Traceback" not in done.stderr
    assert f"{folder}/manifest.json: " in done.stderr
    assert "is no file of the data set" in done.stderr


@pytest.mark.parametrize("way", ["../../../outside.npz", "x/../../../../outside.npz", "absolute"])
def test_an_index_names_no_file_outside_of_its_folder(outside, way):
    target, folder = outside
    rows = [["1", "inside.npz", 0, "train"]]
    columns = ["id", "file", "position", "split"]
    write_csv(folder / "index.csv", columns, rows)
    assert list(Dataset(folder)[0]) == ["a"]
    rows[0][1] = str(target) if way == "absolute" else way
    write_csv(folder / "index.csv", columns, rows)
    with pytest.raises(InputFileError, match=r"index.csv: line 2: file is .+ of the data set"):
        Dataset(folder)[0]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("../../escaped", None),
        ("one", "results/ptycho/../../../escaped/object.npz"),
        ("one", "results/ptycho/one/shards/../../../../../escaped.h5"),
        ("one", "{outside}/escaped/results/ptycho/one/object.npz"),
    ],
)
def test_the_workflow_makes_nothing_outside_of_results(name, target, root, run, tmp_path):
    work = tmp_path / "a" / "b" / "work"
    work.mkdir(parents=True)
    campaign = {"ptycho": {"datasets": {name: CAMPAIGN["ptycho"]["datasets"]["tiny"]}}}
    (work / "campaign.yaml").write_text(yaml.safe_dump(campaign))
    targets = [target.format(outside=tmp_path)] if target else []
    done = run(
        *("snakemake", *targets, "--cores", "1", "--snakefile"),
        *(root / "Snakefile", "--configfile", "campaign.yaml"),
        cwd=work, code=1,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "escaped" in done.stderr
    assert not list(tmp_path.rglob("*escaped*"))
    assert not list(tmp_path.rglob("*.npz"))
