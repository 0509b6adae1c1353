"""Command process-simulations: its options, what it refuses, and what it tells beforehand."""

import pytest
from halo_commands import FOLDER, SYNTHETIC, arguments, files_in, of_pairs, processing

from simlab.halo import runs
from simlab.halo.files.catalogs import load_halos


@pytest.fixture
def planned(monkeypatch, halo, tmp_path):
    """Call process-simulations without its work; returns (configuration, Run)."""
    seen = []
    monkeypatch.setattr(runs, "process_simulations", lambda *found: seen.append(found) or {})
    monkeypatch.setattr(runs, "write_gathered", lambda folder, reader=None: (0, 0, 0))

    def start(*words):
        halo("process-simulations", "--output_base_root", tmp_path, *words)
        dataset, run = seen.pop()
        return dataset.model_dump(mode="json"), run

    return start


def value_of(mapping, path):
    for key in path.split("."):
        mapping = mapping[key]
    return mapping


def refused(halo, root, words):
    """What the command says when it refuses `words`; nothing may be written."""
    out, err = halo("process-simulations", "--output_base_root", root, *words, code=2)
    assert out == ""
    assert files_in(root) == []
    (line,) = err.splitlines()
    return line


def test_defaults_are_those_of_the_original(planned, pairs):
    bases = {key: value for key, value in of_pairs(pairs).items() if "base" in key}
    dataset, run = planned(*arguments({**bases, "--total_sims": 3}))
    expected = {
        "seed": 1993,
        "source.set": "SB35",
        "source.snapshot": 90,
        "source.allow_missing_chunks": False,
        "source.exclude_wind": False,
        "simulations.start": 0,
        "simulations.end": 3,
        "simulations.test_fraction": 0.1,
        "haloes.mass_threshold": 1e13,
        "haloes.max_per_simulation": None,
        "rotations.number": 10,
        "rotations.scheme": "so3",
        "maps.resolution": 128,
        "maps.box_size": 50.0,
        "maps.scales": [6.25, 12.5, 25.0, 50.0],
        "maps.mode": "exact",
        "parameters.columns": "core15",
        "execution.shards_per_simulation": 1,
        "execution.memory_gb": 4.0,
        "allow_legacy": False,
    }
    assert {key: value_of(dataset, key) for key in expected} == expected
    assert (run.folder.name, run.rank, run.size, run.cores) == ("train_data_rotated_128", 0, 1, 1)
    assert (run.shards, run.overwrite) == ((0,), False)


def test_without_a_total_there_are_1024_simulations(halo, tmp_path):
    # of which the shipped table holds 64: the split counts all, so this one is refused
    line = refused(halo, tmp_path, ["--synthetic"])
    assert "--param_file" in line
    assert "SB35_64" in line


@pytest.mark.parametrize(
    ("words", "key", "expected"),
    [
        ("--resolution 32", "maps.resolution", 32),
        ("--total_sims 9", "simulations.total", 9),
        ("--start_sim 2", "simulations.start", 2),
        ("--end_sim 2", "simulations.end", 2),
        ("--test_frac 0.5", "simulations.test_fraction", 0.5),
        ("--seed 7", "seed", 7),
        ("--num_rotations 4", "rotations.number", 4),
        ("--mass_threshold 5e13", "haloes.mass_threshold", 5e13),
        ("--box_size 25 --scales 3.125 25", "maps.box_size", 25.0),
        ("--scales 6.25 12.5 50", "maps.scales", [6.25, 12.5, 50.0]),
        ("--scales 6.25 --scales 25", "maps.scales", [6.25, 25.0]),
        ("--snapnum 33", "source.snapshot", 33),
        ("--sim_set CV", "source.set", "CV"),
        ("--mode faces --allow_legacy", "maps.mode", "faces"),
        ("--rotation_scheme euler_legacy --allow_legacy", "rotations.scheme", "euler_legacy"),
        ("--params sb35", "parameters.columns", "sb35"),
        ("--params Omega0,A_AGN1", "parameters.columns", ["Omega0", "A_AGN1"]),
        ("--max_haloes 5", "haloes.max_per_simulation", 5),
        ("--n_shards 3", "execution.shards_per_simulation", 3),
        ("--memory_gb 2.5", "execution.memory_gb", 2.5),
        ("--n_grid 32", "source.n_grid", 32),
    ],
)
def test_an_option_sets_its_key(planned, tmp_path, words, key, expected):
    table = tmp_path / "table.csv"
    names = "Omega0,sigma8,WindEnergyIn1e51erg,RadioFeedbackFactor"
    if "CV" in words:  # the shipped table holds one set only
        table.write_text(f"Name,{names}\n" + "".join(f"CV_{i},1,1,1,1\n" for i in range(3)))
        words += f" --param_file {table} --params Omega0"
    before = ["--synthetic", "--total_sims", 3]
    dataset, _ = planned(*before, *words.split())
    assert value_of(dataset, key) == expected


def test_options_of_snapshots_reach_the_source(planned, pairs):
    base = arguments(of_pairs(pairs))
    dataset, _ = planned(*base, "--allow_missing_chunks", "--exclude_wind")
    assert dataset["source"]["allow_missing_chunks"]
    assert dataset["source"]["exclude_wind"]
    assert dataset["source"]["nbody_base"] == str(pairs / "DMO")
    assert dataset["parameters"]["file"] == str(pairs / "params.csv")


def test_options_of_the_run_reach_it(planned):
    base = arguments(SYNTHETIC)
    _, run = planned(*base, "--cores", 2, "--overwrite", "--n_shards", 4, "--shard", 3)
    assert (run.cores, run.overwrite, run.shards) == (2, True, (3,))
    _, run = planned(*base, "--rank", 1, "--world_size", 3, "--n_shards", 2)
    assert (run.rank, run.size, run.shards) == (1, 3, (0, 1))


def test_dashes_stand_for_underscores(planned):
    words = arguments({key.replace("_", "-"): value for key, value in SYNTHETIC.items()})
    assert planned(*words)[0] == planned(*arguments(SYNTHETIC))[0]


PROBLEMS = {
    "--end_sim 0": "--end_sim",
    "--end_sim 4": "--end_sim",
    "--start_sim 2 --end_sim 2": "--end_sim",
    "--start_sim 3": "--start_sim",
    "--start_sim -1": "--start_sim",
    "--total_sims 0": "--total_sims",
    "--num_rotations 0": "--num_rotations",
    "--test_frac 1": "--test_frac",
    "--test_frac -0.1": "--test_frac",
    "--resolution 15": "--resolution",
    "--resolution 4": "--resolution",
    "--box_size 33.3 --scales 6.25": "--resolution, --box_size, --scales",
    "--box_size 20": "--scales",
    "--box_size -5": "--box_size",
    "--scales 6.25 9.0": "--scales",
    "--scales 12.5 6.25": "--scales",
    "--scales 6.25 100": "--scales",
    "--param_file nowhere.txt": "--param_file",
    "--param_file .": "--param_file",
    "--params Omega0,nothing": "--params",
    "--mode other": "--mode",
    "--mode faces": "--mode",
    "--rotation_scheme other": "--rotation_scheme",
    "--rotation_scheme euler_legacy": "--rotation_scheme",
    "--seed -1": "--seed",
    "--seed 4294967296": "--seed",
    "--mass_threshold 0": "--mass_threshold",
    "--mass_threshold nan": "--mass_threshold",
    "--max_haloes 0": "--max_haloes",
    "--n_shards 0": "--n_shards",
    "--n_shards 2 --shard 2": "--shard",
    "--shard -1": "--shard",
    "--memory_gb 0.1": "--memory_gb",
    "--snapnum -1": "--snapnum",
    "--sim_set a/b": "--sim_set",
    "--n_grid 17": "--n_grid",
    "--n_grid 8": "--n_grid",
    "--rank 1": "--world_size",
    "--rank 2 --world_size 2": "--rank",
    "--world_size 0": "--world_size",
}


@pytest.mark.parametrize("words", PROBLEMS)
def test_what_cannot_be_used_is_refused_in_one_line(halo, tmp_path, words):
    given = dict.fromkeys(word for word in words.split() if word.startswith("--"))
    base = arguments({**SYNTHETIC, **given})
    line = refused(halo, tmp_path, [*base, *words.split()])
    assert line.startswith(f"Error: {PROBLEMS[words]}") or f", {PROBLEMS[words]}" in line


@pytest.mark.parametrize("words", ["--resolution half", "--cores 0", "--nothing 3"])
def test_words_that_are_no_value_of_an_option_are_wrong_usage(halo, tmp_path, words):
    _, err = halo(*processing(tmp_path), *words.split(), code=2)
    assert words.split()[0] in err
    assert "Traceback" not in err
    assert files_in(tmp_path) == []


def test_a_table_that_cannot_be_read_is_named(halo, tmp_path):
    table = tmp_path / "in" / "table.csv"
    table.parent.mkdir()
    table.write_text("Name,Omega0\nSB35_0,often\n")
    out = tmp_path / "out"
    words = arguments({**SYNTHETIC, "--param_file": table, "--params": "Omega0"})
    line = refused(halo, out, words)
    assert line.startswith("Error: --param_file")
    assert str(table) in line


def test_without_folders_all_three_options_are_named(halo, tmp_path):
    line = refused(halo, tmp_path, ["--total_sims", 3])
    for option in ("--hydro_base", "--nbody_base", "--fof_nbody_base", "--synthetic"):
        assert option in line


@pytest.mark.parametrize("left_out", ["--hydro_base", "--nbody_base", "--fof_nbody_base"])
def test_two_folders_of_three_are_refused(halo, tmp_path, pairs, left_out):
    line = refused(halo, tmp_path, arguments(of_pairs(pairs) | {left_out: None}))
    assert line.startswith(f"Error: {left_out} missing")


@pytest.mark.parametrize("option", ["--hydro_base", "--nbody_base", "--fof_nbody_base"])
def test_a_folder_that_is_none_is_named_with_its_option(halo, tmp_path, pairs, option):
    line = refused(halo, tmp_path, arguments(of_pairs(pairs) | {option: pairs / "nowhere"}))
    assert line == f"Error: {option}: {pairs / 'nowhere'} is not a folder"


def test_folders_without_any_of_the_simulations_are_refused(halo, tmp_path, pairs):
    line = refused(halo, tmp_path, arguments(of_pairs(pairs) | {"--nbody_base": pairs / "FOF"}))
    assert "--nbody_base, --hydro_base, --fof_nbody_base: no simulation is complete" in line
    assert "SB35_0" in line


def test_folders_and_synthetic_exclude_each_other(halo, tmp_path, pairs):
    line = refused(halo, tmp_path, [*arguments(SYNTHETIC), "--nbody_base", pairs])
    assert line == "Error: --nbody_base and --synthetic exclude each other"


@pytest.mark.parametrize("option", ["--allow_missing_chunks", "--exclude_wind"])
def test_options_of_snapshots_are_refused_where_none_are_read(halo, tmp_path, option):
    line = refused(halo, tmp_path, [*arguments(SYNTHETIC), option])
    assert line == f"Error: {option} and --synthetic exclude each other"


def test_the_grid_is_refused_where_nothing_is_made(halo, tmp_path, pairs):
    line = refused(halo, tmp_path, arguments(of_pairs(pairs) | {"--n_grid": 64}))
    assert line == "Error: --n_grid is of no effect without --synthetic"


def test_an_output_that_is_a_file_is_refused(halo, tmp_path):
    (tmp_path / "file").write_text("mine")
    _, err = halo(*processing(tmp_path / "file"), code=2)
    assert err == f"Error: --output_base_root: {tmp_path / 'file'} is not a folder\n"
    assert (tmp_path / "file").read_text() == "mine"


def test_a_dry_run_tells_the_size_and_writes_nothing(halo, tmp_path):
    out, _ = halo(*processing(tmp_path), "--dry_run")
    first, second = out.splitlines()
    assert first == f"{tmp_path / FOLDER}: 3 simulations, 9 haloes (estimated)"
    for text in ("18 samples", "KiB", "500 MB of memory a process", "CPU hours"):
        assert text in second
    assert files_in(tmp_path) == []


def test_a_dry_run_counts_the_haloes_of_catalogs_that_are_there(halo, tmp_path, pairs):
    base = of_pairs(pairs) | {"--max_haloes": None, "--mass_threshold": 1e14}
    out, _ = halo(*processing(tmp_path, base=base), "--dry_run")
    haloes = sum(len(load_halos(pairs / "FOF" / f"SB35_{sim}", 1e14)[1]) for sim in range(3))
    assert f"3 simulations, {haloes} haloes (counted)" in out
    assert f"{2 * haloes} samples" in out
    assert files_in(tmp_path) == []


def test_help_shows_the_original_spelling(halo):
    out, _ = halo("process-simulations", "--help")
    for option in ("--output_base_root", "--num_rotations", "--fof_nbody_base", "--world_size"):
        assert option in out
