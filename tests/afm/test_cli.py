"""Commands around trainers and their files: they do what the workflow's rules do."""

import json
import re

import numpy as np
import pytest
from afm_commands import SCAN, SMALL, SMALL_MOLECULES, files_in, words, xyz
from afm_finished import FDBM, GENERAL, HARTREE, SmallDataset
from afm_reference import DATA, arrays, molecule, within

from simlab.afm.descriptors import AuxMaps
from simlab.afm.files.grids import read_grid, write_grid
from simlab.afm.files.shards import Shard
from simlab.afm.specs import batches_spec
from simlab.afm.stages.batches import write_batch

COMMANDS = (
    "generate", "generate-general", "descriptors", "simulate", "convert", "inspect", "export",
)  # fmt: skip
MODEL_SCAN = {**SCAN, "--scan-window": (0, 0, 0, 12, 10, 1.2), "--rot180": True}


def batches(folder):
    """Content of batch_0.npz, batch_1.npz, ... of a folder, samples together."""
    found = [path for path in folder.iterdir() if path.suffix == ".npz"]
    found.sort(key=lambda path: int(re.fullmatch(r"batch_(\d+)\.npz", path.name)[1]))
    content = [np.load(path, allow_pickle=True) for path in found]
    mols = [mol for batch in content for mol in batch["mols"]]
    stacks = np.concatenate([batch["afm"] for batch in content], axis=1)
    return stacks, np.concatenate([batch["desc"] for batch in content], axis=1), mols


def assert_equal_bits(folder, data_set):
    stacks, maps, mols = batches(folder)
    at = 0
    for path in data_set.shards():
        with Shard(path) as shard:
            here = slice(at, at + len(shard))
            np.testing.assert_array_equal(np.moveaxis(stacks[:, here], 0, 1), shard.array("afm"))
            np.testing.assert_array_equal(np.moveaxis(maps[:, here], 0, 1), shard.array("desc"))
            for k in range(len(shard)):
                np.testing.assert_array_equal(mols[at + k], shard.molecule(k))
            at += len(shard)
    assert stacks.shape[1] == at


def test_generate_gives_the_bits_of_the_workflow(afm, small_afm, tmp_path):
    out, _ = afm("generate", *xyz(*SMALL_MOLECULES), "-o", tmp_path, *words(SMALL))
    assert_equal_bits(tmp_path, small_afm)
    assert files_in(tmp_path) == [f"batch_{k}.npz" for k in range(5)]
    written = [line for line in out.splitlines() if line.startswith("Wrote")]
    assert written[0] == f"Wrote {tmp_path / 'batch_0.npz'}: 2 samples"
    assert written[4] == f"Wrote {tmp_path / 'batch_4.npz'}: 1 samples"


def test_underscores_and_threads_change_nothing(afm, small_afm, tmp_path):
    options = {key.replace("-", "_").replace("__", "--"): v for key, v in SMALL.items()}
    assert "--scan_dim" in options
    afm("generate", *xyz(*SMALL_MOLECULES), "-o", tmp_path, *words(options), "--threads", 2)
    assert_equal_bits(tmp_path, small_afm)


def _model_dataset(folder, mapping):
    pauli = {"A_pauli": 12.0, "B_pauli": 1.2} if mapping.get("sim_type") == "FDBM" else {}
    simulator = {**mapping["simulator"], **pauli}
    data_set = SmallDataset.of(folder, {**mapping, "simulator": simulator})
    data_set.make_inputs()
    for shard in data_set.sizes.shards:
        data_set.make_shard(shard)
    return data_set


@pytest.mark.parametrize(
    ("mapping", "options"),
    [
        (GENERAL, {"--sim-type": "LJ+PC"}),
        (HARTREE, {"--sim-type": "LJ+Hartree", "--tip-multipole": "dz2=-0.1"}),
        (FDBM, {"--sim-type": "FDBM", "--tip-density": "model_co"}),
    ],
    ids=["charges", "potential", "densities"],
)
def test_generate_general_gives_the_bits_of_the_workflow(afm, tmp_path, mapping, options):
    data_set = _model_dataset(tmp_path / "data", mapping)
    grids = {"--model-grids": mapping is not GENERAL or None}
    line = words({**MODEL_SCAN, **options, **grids})
    afm("generate-general", *xyz(*SMALL_MOLECULES[:2]), "-o", tmp_path / "out", *line)
    assert_equal_bits(tmp_path / "out", data_set)


def test_legacy_draws_reproduce_the_reference(afm, tmp_path):
    reference = arrays("generator_inverse")
    options = {
        "--tip": "CO",
        "--scan-dim": (32, 30, 14),
        "--scan-window": (3, 3, 5, 15, 14, 6.4),
        "--df-steps": 6,
        "--rotations": 20,
        "--n-best": 2,
        "--batch-size": 4,
        "--seed": int(reference["seed"]),
        "--rng": "legacy",
    }
    files = xyz(*json.loads(str(reference["mols"])))
    afm("generate", *files, "-o", tmp_path, *words(options), "--tip", "54:0.1:0.3")
    assert files_in(tmp_path) == ["batch_0.npz", "batch_1.npz"]
    for k in range(2):
        batch = np.load(tmp_path / f"batch_{k}.npz", allow_pickle=True)
        for i, mol in enumerate(batch["mols"]):
            expected = reference[f"b{k}_mol{i}"]
            np.testing.assert_allclose(mol, expected, rtol=1e-12, atol=1e-12)
        for tip in range(2):
            assert within(batch["afm"][tip], reference[f"b{k}_X{tip}"], 0.05, 0.999)
        for i, limit in enumerate((5e-5, 1e-5, 2e-3, 1e-5, 1e-5)):
            assert within(batch["desc"][i], reference[f"b{k}_Y{i}"], limit, 0.999)


def test_pictures_come_on_request(afm, tmp_path):
    small = {**SMALL, "--rotations": 2, "--n-best": 1, "--descriptor": "Bonds", "--plot": True}
    afm("generate", *xyz("g2_NH3"), "-o", tmp_path, *words(small))
    assert files_in(tmp_path) == ["batch_0.npz", "batch_0.png"]
    assert (tmp_path / "batch_0.png").read_bytes().startswith(b"\x89PNG")
    assert batches(tmp_path)[1].shape == (1, 1, 24, 20)


def test_export_gives_the_bytes_of_the_rule(afm, small_afm, tmp_path):
    out, _ = afm("export", *small_afm.shards(), "-o", tmp_path / "out", "--batch-size", 2)
    assert out.count("Wrote") == small_afm.sizes.batches == 5
    for batch in range(5):
        rule = tmp_path / f"rule_{batch}.npz"
        shard = small_afm[f"shards/shard_{small_afm.sizes.shard_of_batch(batch)}.h5"]
        write_batch(batches_spec(small_afm.sizes), batch, shard, rule)
        assert (tmp_path / "out" / f"batch_{batch}.npz").read_bytes() == rule.read_bytes()


def test_batches_of_an_export_may_span_shards(afm, small_afm, tmp_path):
    afm("export", *small_afm.shards(), "-o", tmp_path, "--batch-size", 4)
    assert [np.load(tmp_path / f"batch_{k}.npz")["afm"].shape[1] for k in range(3)] == [4, 4, 1]
    assert_equal_bits(tmp_path, small_afm)


def test_inspect_tells_what_a_shard_holds(afm, small_afm):
    out, _ = afm("inspect", small_afm.shards()[1])
    assert "3 samples from 6, tips CO, backend numba" in out
    assert "afm: float32 (3, 1, 24, 20, 8), Hz" in out
    assert "descriptors: vdwSpheres, AtomicDisks, HeightMap, Bonds, AtomRfunc" in out
    assert out.count("largest |df|") == 3
    assert "marked" in out


@pytest.mark.parametrize("name", ["vdwSpheres", "AtomRfunc", "MultiMapSpheres"])
def test_descriptors_lie_around_the_middle_of_the_atoms(afm, tmp_path, name):
    pixels = {"--scan-dim": (20, 16), "--scan-window": (-6, -5, 6, 5)}
    line = words({"--descriptor": name, **pixels})
    afm("descriptors", *xyz("bcb"), "-o", tmp_path / "maps.npz", *line)
    positions, Zs, qs = molecule("bcb")
    atoms = np.column_stack([positions, qs])
    atoms[:, :2] -= positions[:, :2].mean(axis=0)
    pixels = {"scan_dim": (20, 16), "scan_window": ((-6, -5), (6, 5))}
    found = np.load(tmp_path / "maps.npz")
    channels = AuxMaps(name, pixels)(atoms, Zs).reshape(20, 16, -1)
    keys = [key for key in found.files if key.startswith(name)]
    assert len(keys) == channels.shape[2]
    for k, key in enumerate(keys):
        np.testing.assert_array_equal(found[key], channels[..., k])


def test_descriptors_can_be_a_picture(afm, tmp_path):
    afm("descriptors", *xyz("bcb"), "-o", tmp_path / "maps.png", "--scan-dim", 20, 20)
    assert (tmp_path / "maps.png").read_bytes().startswith(b"\x89PNG")


def test_convert_keeps_a_grid_and_its_atoms(afm, tmp_path):
    rng = np.random.default_rng(1)
    data = rng.random((5, 4, 3), np.float32)
    lvec = np.array([[1.0, 2, 3], [5, 0, 0], [0, 4, 0], [0, 0, 3]])
    write_grid(tmp_path / "a.xsf", data, lvec, [[1.0, 2, 3]], [8])
    options = ("--quantity", "density", "--scale", -2)
    out, _ = afm("convert", tmp_path / "a.xsf", "-o", tmp_path / "a.npz", *options)
    assert out == f"Wrote {tmp_path / 'a.npz'}: density 5 x 4 x 3\n"
    found, cell, positions, Zs = read_grid(tmp_path / "a.npz", "density")
    np.testing.assert_array_equal(found, -2 * data)
    np.testing.assert_array_equal(cell, lvec)
    np.testing.assert_array_equal(positions, [[1, 2, 3]])
    assert Zs.tolist() == [8]


def test_potentials_of_cube_files_become_volts(afm, tmp_path):
    head = "a\nb\n1 0 0 0\n2 1 0 0\n2 0 1 0\n2 0 0 1\n8 0 0 0 0\n"
    (tmp_path / "v.cube").write_text(head + "0.5 " * 8 + "\n")
    afm("convert", tmp_path / "v.cube", "-o", tmp_path / "v.npz", "--scale", -1)
    np.testing.assert_allclose(np.load(tmp_path / "v.npz")["data"], -0.5 * 27.211396132)


# What each command's help must hold: units and defaults.
HELP = {
    "generate": ("Å", "[default: 4.5]", "[default: 128, 128, 19]", "[default: 100]"),
    "generate-general": ("e/Å³", "volts", "[default: LJ+PC]", "[default: 2.6]"),
    "descriptors": ("Å", "[default: 128, 128]", "[default: check]"),
    "simulate": ("N/m", "Hz", "eV/Å", "e/Å³", "[default: npz]", "[default: 0.7]", "params, 0.25"),
    "convert": ("e/Å³", "to V", "[default: potential]", "[default: 1.0]"),
    "inspect": ("shard_*.h5",),
    "export": ("[default: 20]",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_units_and_defaults(afm, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "200")
    out, _ = afm(command, "-h")
    assert out == afm(command, "--help")[0]
    for text in HELP[command]:
        assert text in out


def test_help_names_all_commands(afm):
    out, _ = afm("-h")
    assert all(command in out for command in COMMANDS)


PROBLEMS = {
    "generate nowhere.xyz": "nowhere.xyz: no such file",
    "generate empty.xyz": "empty.xyz: line 1: the file is empty",
    "generate short.xyz": "short.xyz: line 3: 'H 0 0 0' is the last, after 1 of 2 atoms",
    "generate words.xyz": "words.xyz: line 3: 'here' is not a number",
    "generate unknown.xyz": "unknown.xyz: line 3",
    "generate {charges}": "FePc_badcharge.xyz: ",
    "generate one.xyz two.xyz": "two.xyz: same content as one.xyz",
    "generate one.xyz other/one.xyz": "one.xyz",
    "generate one.xyz --tip CO2": "--tip: 'CO2'; expected CO, Xe, Cl or Z:Qs:QZs",
    "generate one.xyz --tip 8:1,2:0.1": "--tip: '8:1,2:0.1'",
    "generate one.xyz --descriptor Bond": "Bonds",
    "generate one.xyz --scan-window 0 0 5 8 8 4": "scan_window",
    "generate one.xyz --df-steps 0": "df_steps",
    "generate one.xyz --df-steps 20": "df_steps",
    "generate one.xyz --max-tilt 3": "tilt",
    "generate one.xyz --pix-per-angstrome 100": "pixPerAngstrome",
    "generate one.xyz --rng other": "--rng is 'other', expected philox or legacy",
    "generate one.xyz --relax other": "relax",
    "generate one.xyz --backend other": "backend",
    "generate one.xyz --batch-size 0": "batch_size",
    "generate one.xyz --seed -1": "seed",
    "generate-general one.xyz --sim-type LJ+QM": "sim_type",
    "generate-general one.xyz --sim-type FDBM": "grids",
    "generate-general one.xyz --sim-type FDBM --model-grids": "tip",
    "generate-general one.xyz --tip-multipole dz2": "--tip-multipole is 'dz2'",
    "generate-general one.xyz --sim-type LJ+Hartree --potential {molecule}.xsf": "one.xsf",
    "descriptors one.xyz -o {out}/maps.txt": "--output: ",
    "descriptors one.xyz -o {out}/maps.npz --descriptor HeightMap": "HeightMap needs the force",
    "descriptors one.xyz -o {out}/maps.npz --descriptor Bond": "Bond",
    "descriptors nowhere.xyz -o {out}/maps.npz": "nowhere.xyz: no such file",
    "convert nowhere.xsf -o {out}/a.npz": "nowhere.xsf: no such file",
    "convert one.xyz -o {out}/a.npz": "one.xyz: suffix '.xyz'",
    "convert one.xyz -o {out}/a.xsf": "--output: ",
    "convert one.xyz -o {out}/a.npz --quantity force": "--quantity is 'force'",
    "inspect one.xyz": "one.xyz",
    "inspect nowhere.h5": "nowhere.h5",
    "export one.xyz": "one.xyz",
    "export one.xyz --batch-size 0": "--batch-size is 0, expected at least 1",
}


@pytest.fixture
def bad_files(tmp_path, monkeypatch):
    """A working directory with files that are and are not what they should be."""
    folder = tmp_path / "in"
    (folder / "other").mkdir(parents=True)
    monkeypatch.chdir(folder)
    texts = {
        "empty.xyz": "", "short.xyz": "2\n\nH 0 0 0\n", "words.xyz": "1\n\nH 0 here 0\n",
        "unknown.xyz": "1\n\nQx 0 0 0\n", "one.xyz": "2\n\nH 0 0 0\nH 0 0 0.74\n",
        "two.xyz": "2\n\nH 0 0 0\nH 0 0 0.74\n", "other/one.xyz": "1\n\nO 0 0 0\n",
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("line", PROBLEMS)
def test_what_cannot_be_done_is_told_in_a_line_and_leaves_no_file(afm, bad_files, tmp_path, line):
    before = files_in(bad_files)
    bad_charges = DATA / "molecules" / "FePc_badcharge.xyz"
    given = line.replace("{charges}", str(bad_charges)).replace("{out}", "out").split()
    if given[0] in ("generate", "generate-general", "export"):
        given += ["-o", "out"]
    out, err = afm(*given, code=1)
    assert err.startswith("Error: ")
    assert PROBLEMS[line] in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 2  # the command line as a whole, then a line a problem
    assert files_in(bad_files) == before
    assert out == ""


WRONG = (
    "", "nothing", "generate", "generate one.xyz", "generate one.xyz -o out --nothing 3",
    "generate one.xyz -o out --seed half", "generate one.xyz -o out --scan-dim 3",
    "generate one.xyz -o out --threads 0", "generate-general -o out", "descriptors one.xyz",
    "convert one.xyz", "inspect", "export -o out", "simulate", "simulate -i one.xyz -q half",
    "simulate -i one.xyz --krange 1 2", "simulate -i one.xyz --qrange 0 1 2.5",
)  # fmt: skip


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_is_told_with_another_code(afm, bad_files, line):
    before = files_in(bad_files)
    _, err = afm(*line.split(), code=2)
    assert "Traceback" not in err
    assert files_in(bad_files) == before
