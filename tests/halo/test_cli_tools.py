"""Commands compute-normalization, synthesize and inspect."""

import shutil

import h5py
import numpy as np
import pytest
from halo_commands import FOLDER, PUBLISHED, files_in, processing

from simlab.core.files import read_json, read_npz
from simlab.halo.files.catalogs import load_halo_catalog
from simlab.halo.files.snapshots import load_dmo_particles, load_hydro_particles
from simlab.halo.files.stats import FILES, reader_of
from simlab.halo.parameters import ParameterTable, out_of_range
from simlab.halo.runs import write_gathered

STATS = [name for name in PUBLISHED if name.endswith("_stats.npz")]


# compute-normalization


def test_constants_of_the_samples_are_those_of_the_run(halo, processed, tmp_path):
    out, _ = halo("compute-normalization", "-d", processed, "-o", f"{tmp_path}/")
    for name in STATS:
        assert (tmp_path / name).read_bytes() == (processed / name).read_bytes()
    fields = read_json(processed / "normalization.json")["fields"]
    gas = f"gas: mean {fields['gas']['mean']:.8f}, std {fields['gas']['std']:.8f}"
    assert gas in out.splitlines()
    assert out.splitlines()[-1].endswith("from 12 samples")


def test_constants_go_into_the_data_set_unless_told(halo, processed, tmp_path):
    folder = shutil.copytree(processed, tmp_path / "copy")
    for name in STATS:
        (folder / name).unlink()
    halo("compute-normalization", "--data_dir", folder)
    for name in STATS:
        assert (folder / name).read_bytes() == (processed / name).read_bytes()


@pytest.mark.parametrize("again", ["compute-normalization", "index", "process-simulations"])
def test_the_choice_of_constants_for_readers_stays(halo, processed, tmp_path, again):
    folder = shutil.copytree(processed, tmp_path / FOLDER)
    choice = {"condition_source": "dm_mag", "per_scale": True}
    write_gathered(folder, choice)
    words = {
        "compute-normalization": [again, "-d", folder],
        "index": [again, folder],
        "process-simulations": processing(tmp_path),
    }
    halo(*words[again])
    assert reader_of(folder) == choice


def test_a_prefix_becomes_the_first_letters(halo, processed, tmp_path):
    halo("compute-normalization", "-d", processed, "--output", tmp_path / "mine_")
    expected = [*FILES, "normalization.json"]
    assert files_in(tmp_path) == sorted(f"mine_{name}" for name in expected)


def test_options_of_the_constants_reach_them(halo, processed, tmp_path):
    words = ("compute-normalization", "--data-dir", processed, "--seed", 3, "--max_files", 5)
    quantiles = ("--fit_quantile", "--quantile_subsample", 40, "--validate")
    out, _ = halo(*words, *quantiles, "-o", f"{tmp_path / 'a'}/")
    assert "from 5 samples" in out
    summary = read_json(tmp_path / "a" / "normalization.json")
    assert summary["n_samples"] == 5
    assert summary["drawn"] == {"max_files": 5, "seed": 3}
    table = read_npz(tmp_path / "a" / "stellar_quantiles.npz")
    assert table["quantiles"].shape == (1001,)
    halo(*words, *quantiles, "-o", f"{tmp_path / 'b'}/")
    for name in files_in(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_validation_warns_of_unusual_constants(halo, processed, tmp_path, monkeypatch):
    from simlab.halo import statistics

    monkeypatch.setattr(statistics, "MEAN_RANGE", (0.0, 1.0))
    words = ("compute-normalization", "-d", processed, "-o", f"{tmp_path}/")
    _, err = halo(*words)
    assert err == ""
    _, err = halo(*words, "--validate")
    assert err.startswith("warning: ")
    assert "is outside [0, 1]" in err
    monkeypatch.undo()
    out, err = halo(*words, "--validate")
    assert out.splitlines()[-1] == "Read again: valid"
    assert err == ""


def test_a_folder_without_index_is_named(halo, tmp_path):
    _, err = halo("compute-normalization", "-d", tmp_path, code=1)
    assert err == f"Error: file not found: {tmp_path / 'index.csv'}\n"
    _, err = halo("compute-normalization", "-d", tmp_path / "none", code=2)
    assert err == f"Error: --data_dir: {tmp_path / 'none'} is not a folder\n"


@pytest.mark.parametrize("option", ["--max_files", "--quantile_subsample"])
def test_numbers_of_nothing_are_wrong_usage(halo, processed, tmp_path, option):
    words = ("compute-normalization", "-d", processed, "-o", f"{tmp_path}/", option, 0)
    _, err = halo(*words, code=2)
    assert option in err
    assert files_in(tmp_path) == []


# synthesize


def synthesize(halo, root, *options, **settings):
    return halo("synthesize", "--output", root, "--n_grid", 16, *options, **settings)


def test_synthetic_simulations_are_what_the_loaders_read(pairs):
    for sim in range(3):
        name = f"SB35_{sim}"
        positions, masses = load_dmo_particles(pairs / "DMO" / name)
        assert positions.shape == (16**3, 3)
        hydro = load_hydro_particles(pairs / "Hydro" / name)
        total = sum(float(np.sum(part, dtype=float)) for part in hydro[1::2])
        assert total == pytest.approx(float(np.sum(masses, dtype=float)), rel=1e-6)
        catalog = load_halo_catalog(pairs / "FOF" / name)
        assert len(catalog["mass"]) >= 2
        assert catalog["box_size"] == 50.0
    assert len(list((pairs / "Hydro" / "SB35_0" / "snapdir_090").iterdir())) == 3


def test_the_table_is_that_of_camels(pairs):
    ours, shipped = ParameterTable(pairs / "params.csv"), ParameterTable(shipped_table())
    for sim in range(3):
        assert ours.row(sim) == shipped.row(sim)


def shipped_table():
    from simlab.core.config import user_path

    return user_path("resources/halo/CosmoAstroSeed_IllustrisTNG_L50n512_SB35_first64.txt")


def test_simulations_are_the_same_however_many_are_made(halo, tmp_path, pairs):
    out, _ = synthesize(halo, tmp_path)
    assert out == f"Wrote {tmp_path}: simulation 0\n"
    for path in sorted(tmp_path.rglob("*.hdf5")):
        assert path.read_bytes() == (pairs / path.relative_to(tmp_path)).read_bytes()


def test_the_command_makes_the_simulations_of_a_run(halo, tmp_path, pairs):
    changes = {"--total_sims": 1, "--test_frac": 0, "--max_haloes": 1}
    halo(*processing(tmp_path, changes))
    inputs = tmp_path / FOLDER / "inputs"
    found = [path.relative_to(inputs) for path in inputs.rglob("*.hdf5")]
    assert len(found) == 5
    for path in found:
        assert (inputs / path).read_bytes() == (pairs / path).read_bytes()


def test_options_of_simulations_reach_them(halo, tmp_path, pairs):
    table = tmp_path / "table.csv"
    header, *rows = (pairs / "params.csv").read_text().splitlines()
    table.write_text("\n".join([header, rows[2].replace("SB35_2", "SB35_0")]) + "\n")
    options = ("--hydro_chunks", 2, "--seed", 7, "--param_file", table)
    synthesize(halo, tmp_path / "out", *options)
    folder = tmp_path / "out" / "Hydro" / "SB35_0" / "snapdir_090"
    assert len(list(folder.iterdir())) == 2
    row = ParameterTable(tmp_path / "out" / "params.csv").row(0)
    assert row == ParameterTable(pairs / "params.csv").row(2)
    with h5py.File(tmp_path / "out" / "DMO" / "SB35_0" / "snap_090.hdf5") as file:
        assert file["Header"].attrs["Omega0"] == pytest.approx(row["Omega0"])
    dmo = load_dmo_particles(tmp_path / "out" / "DMO" / "SB35_0")[0]
    assert not np.array_equal(dmo, load_dmo_particles(pairs / "DMO" / "SB35_0")[0])


def test_sobol_parameters_lie_inside_the_info_table(halo, tmp_path):
    synthesize(halo, tmp_path, "-n", 2, "--parameters", "sobol")
    table = ParameterTable(tmp_path / "params.csv")
    first, second = table.row(0), table.row(1)
    assert len(first) == 35
    assert first != second
    for row in (first, second):
        assert list(out_of_range(list(row.values()), list(row))) == []
    assert table.seed(1) == 25001
    assert load_dmo_particles(tmp_path / "DMO" / "SB35_1")[0].shape == (16**3, 3)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("-n", 65), "--param_file"),
        (("--n_grid", 17), "--n_grid"),
        (("--hydro_chunks", 0), "--hydro_chunks"),
        (("--parameters", "random"), "--parameters"),
        (("--seed", -1), "--seed"),
        (("--param_file", "nowhere.txt"), "--param_file"),
        (("-n", 0), "--n_sims"),
    ],
)
def test_what_cannot_be_synthesized_is_refused(halo, tmp_path, options, named):
    _, err = synthesize(halo, tmp_path, *options, code=2)
    assert named in err
    assert files_in(tmp_path) == []


def test_an_output_that_is_a_file_is_refused(halo, tmp_path):
    (tmp_path / "file").touch()
    _, err = synthesize(halo, tmp_path / "file", code=2)
    assert err == f"Error: --output: {tmp_path / 'file'} is not a folder\n"


# inspect


def test_a_snapshot_is_described_with_its_units(halo, pairs):
    out, _ = halo("inspect", pairs / "Hydro" / "SB35_1")
    lines = out.splitlines()
    assert lines[0].startswith("snapshot of 3 files, 3 here, first ")
    assert "box 50 Mpc/h; 1 code length = 0.001 Mpc/h, 1 code mass = 1e+10 Msun/h" in lines
    assert lines[2].startswith("redshift 0, Omega0 ")
    assert any(line.startswith("4096 particles of type 1 (dark matter), ") for line in lines)
    assert any("of type 0 (gas), masses of their own" in line for line in lines)
    assert any("of type 4 (stars), masses of their own" in line for line in lines)


@pytest.mark.filterwarnings("ignore:.*chunk 1 of 3 missing")
def test_chunks_that_are_missing_are_told(halo, pairs, tmp_path):
    folder = shutil.copytree(pairs / "Hydro" / "SB35_1", tmp_path / "SB35_1")
    (folder / "snapdir_090" / "snap_090.1.hdf5").unlink()
    out, _ = halo("inspect", folder)
    assert out.startswith("snapshot of 3 files, 2 here, first ")
    assert "missing chunks: 1" in out.splitlines()


@pytest.mark.parametrize("file", ["", "fof_subhalo_tab_090.hdf5"])
def test_a_catalog_is_described(halo, pairs, file):
    out, _ = halo("inspect", pairs / "FOF" / "SB35_1" / file)
    catalog = load_halo_catalog(pairs / "FOF" / "SB35_1")
    first, second = out.splitlines()
    assert first.endswith(f": {catalog['n_groups']} groups")
    heaviest = f"{catalog['mass'].max():.4g}"
    assert second == (
        f"box 50 Mpc/h; {len(catalog['mass'])} haloes above 1e13 Msun/h, "
        f"heaviest M200c {heaviest} Msun/h"
    )


def test_tables_of_haloes_are_described(halo, tmp_path):
    table = tmp_path / "haloes.csv"
    table.write_text("x,y,z,mass\n1,2,3,2e3\n4,5,49,1e2\n")
    out, _ = halo("inspect", table)
    assert halo("inspect", tmp_path)[0] == out
    first, second, third = out.splitlines()
    assert first.endswith("haloes.csv: 2 rows")
    assert second == "mass 100 to 2000, x, y, z 1 to 49"
    assert "the file does not tell" in third
    listing = tmp_path / "out_0.list"
    listing.write_text("#id x y z m200c r200c\n#Box size: 50.0 Mpc/h\n1 2 3 4 2e13 300\n")
    out, _ = halo("inspect", listing)
    assert "1 groups" in out
    assert "box 50 Mpc/h; 1 haloes above 1e13 Msun/h, heaviest M200c 2e+13 Msun/h" in out
    table.unlink()
    assert halo("inspect", tmp_path)[0] == out


def test_a_sample_is_described(halo, processed):
    out, _ = halo("inspect", next(processed.rglob("sim_1_halo_0_rot_0.npz")))
    lines = [line.split(",")[0] for line in out.splitlines()]
    assert "condition float32 (16" in lines
    assert any(line.startswith("seed_key int64 (4,)") for line in out.splitlines())
    (mass,) = [line for line in out.splitlines() if line.startswith("halo_mass")]
    assert mass.endswith(" Msun/h: M200c of the catalog")
    assert "Msun/h per fine pixel: dark matter, gas and stars" in out
    assert len(lines) == 9


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", "hello"),
        ("notes.npz", "hello"),
        ("notes.csv", "a,b\n1,2\n"),
        ("gone.hdf5", None),
    ],
)
def test_a_foreign_file_is_refused_in_one_line(halo, tmp_path, name, content):
    path = tmp_path / name
    if content:
        path.write_text(content)
    out, err = halo("inspect", path, code=1)
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"Error: {path}: ")
