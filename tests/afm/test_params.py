"""Parameters of a simulation in params.ini and params.toml."""

import pytest

from simlab.afm.errors import AfmConfigError, AfmInputError, AfmMissingFileError
from simlab.afm.files.params import KEYS, read_params, write_params

OTHER = {
    "probeType": "Xe",
    "charge": -0.1,
    "tip": "dz2",
    "sigma": 0.71,
    "stiffness": (0.25, 0.3, 30.0),
    "r0Probe": (0.1, -0.2, 3.0),
    "PBC": False,
    "nPBC": (2, 1, 0),
    "gridA": (12.5, 0.0, 0.0),
    "gridB": (1 / 3, 10.0, 0.0),
    "gridC": (0.0, 0.0, 11.0),
    "gridN": (128, 128, 64),
    "FFgrid0": (0.0, 1e-17, -3.0),
    "FFgridA": (10.0, 0.0, 0.0),
    "FFgridB": (0.0, 10.0, 0.0),
    "FFgridC": (0.0, 0.0, 10.0),
    "scanMin": (2.0, 2.0, 5.0),
    "scanMax": (18.0, 18.0, 6.9),
    "scanStep": (0.125, 0.1, 0.1),
    "Amplitude": 1.4,
    "kCantilever": 3600.0,
    "f0Cantilever": 25000.5,
    "Apauli": 12.0,
    "Bpauli": 1.2,
    "colorscale": "afmhot",
    "pixPerAngstrome": 8.0,
    "Qs": (-10.0, 20.0, -10.0, 0.0),
    "QZs": (0.1, 0.0, -0.1, 0.0),
    "rho": {"dz2": -0.05, "s": 0.1},
    "stiffnessZ": 0.5,
    "fdbm_vdw_type": "LJ",
    "d3_params": {"s6": 1.0, "s8": 0.7875, "a1": 0.4289, "a2": 4.4407},
    "lj_vdw_damp": -1,
    "ffModel": "Morse",
    "df_weights": "exact",
}


def written(folder, text, name="params.ini"):
    (folder / name).write_text(text)
    return folder / name


def test_an_empty_file_means_the_defaults(tmp_path):
    found = read_params(written(tmp_path, "\n# nothing\n"))
    assert found["probeType"] == "O"
    assert found["r0Probe"] == (0.0, 0.0, 4.0)
    assert found["scanMax"] == (20.0, 20.0, 8.0)
    assert found["PBC"] is True
    assert found["Qs"] is None
    assert set(found) == set(KEYS)


def test_lines_hold_a_key_its_values_and_a_comment(tmp_path):
    text = "probeType 54 # xenon\n  scanMin\t1 2 3.5   # corner\nPBC False\nnPBC 2 2 1\n"
    found = read_params(written(tmp_path, text))
    assert (found["probeType"], found["scanMin"]) == ("54", (1.0, 2.0, 3.5))
    assert (found["PBC"], found["nPBC"]) == (False, (2, 2, 1))


def test_words_may_stand_in_quotes(tmp_path):
    values = read_params(written(tmp_path, "tip 'dz2'\nrho \"s\" 0.1 'pz' 0.2\n"))
    assert values["tip"] == "dz2"
    assert values["rho"] == {"s": 0.1, "pz": 0.2}


def test_the_last_of_two_values_counts(tmp_path):
    found = read_params(written(tmp_path, "charge 0.1\ntip s\ncharge -0.2\n"))
    assert found["charge"] == -0.2


@pytest.mark.parametrize("name", ["params.ini", "params.toml"])
def test_what_is_written_reads_back_exactly(tmp_path, name):
    assert set(OTHER) == set(KEYS)
    write_params(tmp_path / name, OTHER)
    found = read_params(tmp_path / name)
    assert found == OTHER
    assert all(type(found[key]) is type(value) for key, value in OTHER.items())


@pytest.mark.parametrize("name", ["params.ini", "params.toml"])
def test_defaults_and_a_named_functional_survive_a_round_trip(tmp_path, name):
    values = {**read_params(written(tmp_path, "")), "d3_params": "B3LYP"}
    write_params(tmp_path / name, values)
    assert read_params(tmp_path / name) == values


def test_toml_tables_serve_for_names_with_numbers(tmp_path):
    text = 'Qs = [1, 2.5, 0, 0]\nPBC = false\n[rho]\ns = 0.1\n"dz2" = -1\n'
    found = read_params(written(tmp_path, text, "p.toml"))
    assert found["rho"] == {"s": 0.1, "dz2": -1.0}
    assert found["Qs"] == (1.0, 2.5, 0.0, 0.0)
    assert found["PBC"] is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "\nscanMn 1 2 3\n",
            r"line 2: unknown key 'scanMn', did you mean scanMin\?",
        ),
        ("klat 0.25\n", r"unknown key 'klat', it is a number of stiffness \(kx ky kr, N/m\);"),
        ("scanMin 1 2\n", "line 1: 1 2; expected scanMin with 3 numbers"),
        ("tip s\n\nscanMin 1 2 3 4\n", "line 3: 1 2 3 4; expected scanMin with 3 numbers"),
        ("Amplitude\n", "line 1: no value; expected Amplitude with 1 number"),
        ("charge one\n", "line 1: one; expected charge with 1 number"),
        ("charge nan\n", "line 1: nan; expected charge"),
        ("nPBC 1 1 0.5\n", "line 1: 1 1 0.5; expected nPBC with 3 integers"),
        ("PBC maybe\n", "line 1: maybe; expected PBC True or False"),
        ("rho s\n", "line 1: s; expected rho as names and numbers in turn"),
        ("d3_params s6 1 s8 1\n", r"expected d3_params as .* \(s6, s8, a1, a2\), or a name"),
    ],
)
def test_an_unfit_line_is_named(tmp_path, text, words):
    with pytest.raises(AfmConfigError, match=rf"afm: .*params\.ini: .*{words}"):
        read_params(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scanmax = [1, 2, 3]", r"key scanmax: unknown key 'scanmax', did you mean scanMax\?"),
        ("scanMax = [1, 2]", "key scanMax: 1 2; expected scanMax with 3 numbers"),
        ("charge = true", "key charge: True; expected charge with 1 number"),
        ("rho = 3", "key rho: 3; expected rho as names"),
    ],
)
def test_an_unfit_key_of_a_toml_file_is_named(tmp_path, text, words):
    with pytest.raises(AfmConfigError, match=rf"afm: .*p\.toml: {words}"):
        read_params(written(tmp_path, text, "p.toml"))


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(AfmMissingFileError, match=r"none\.ini: no such file"):
        read_params(tmp_path / "none.ini")
    with pytest.raises(AfmInputError, match=r"p\.toml: .*; expected a TOML file"):
        read_params(written(tmp_path, "a b c", "p.toml"))
    (tmp_path / "params.ini").write_bytes(b"\xff\xfe")
    with pytest.raises(AfmInputError, match=r"params\.ini: not a text file"):
        read_params(tmp_path / "params.ini")


def test_only_known_keys_and_fit_values_are_written(tmp_path):
    path = tmp_path / "params.ini"
    for values, words in (
        ({"amplitude": 1.0}, "amplitude: unknown key"),
        ({"scanMin": (1, 2)}, "expected scanMin with 3 numbers"),
        ({"colorscale": "my colors"}, "expected colorscale with 1 word"),
    ):
        with pytest.raises(AfmConfigError, match=words):
            write_params(path, values)
    assert not path.exists()
