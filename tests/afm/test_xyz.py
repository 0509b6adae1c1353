import numpy as np
import pytest

from simlab.afm.errors import (
    AfmConfigError,
    AfmInputError,
    AfmMissingFileError,
    ChargeColumnError,
)
from simlab.afm.files.xyz import loadXYZ, parse_lattice, saveXYZ

WATER = "3\n\nO 0 0 0.1 -0.8\nH 0 0.76 -0.5 0.4\nH 0 -0.76 -0.5 0.4\n"
EXTENDED = 'Properties=species:S:1:pos:R:3:forces:R:3:{}:R:1 pbc="F F F"'
ROW = " 1 2 3 9 9 9 0.25\n"


@pytest.fixture
def write(tmp_path):
    def create(text, name="molecule.xyz"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return create


def extended(name):
    return f"2\n{EXTENDED.format(name)}\nC{ROW}O{ROW}"


def test_symbols_and_fifth_column_are_read(write):
    xyzs, Zs, qs, comment = loadXYZ(write(WATER))
    assert xyzs.dtype == qs.dtype == np.float64
    assert Zs.dtype == np.int32
    assert Zs.tolist() == [8, 1, 1]
    assert xyzs[1].tolist() == [0, 0.76, -0.5]
    assert qs.tolist() == [-0.8, 0.4, 0.4]
    assert comment == ""


def test_atomic_numbers_tabs_and_windows_line_ends_are_read(write):
    xyzs, Zs, qs, comment = loadXYZ(write("2\r\nhello \r\n17\t1\t2\t3\t-0.1\r\nCL\t4\t5\t6\t0.1"))
    assert Zs.tolist() == [17, 17]
    assert xyzs.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert qs.tolist() == [-0.1, 0.1]
    assert comment == "hello "


def test_no_extra_column_means_no_charges(write):
    _, _, qs, _ = loadXYZ(write("2\n\nC 0 0 0\nO 0 0 1.1 0.7\n"))
    assert qs.dtype == np.float64
    assert qs.tolist() == [0, 0]


@pytest.mark.parametrize("name", ["charge", "charges", "initial_charge", "initial_charges"])
def test_extended_comment_names_the_charge_column(write, name):
    assert loadXYZ(write(extended(name)))[2].tolist() == [0.25, 0.25]


def test_extended_comment_without_charges_means_no_charges(write):
    assert loadXYZ(write(extended("mass")))[2].tolist() == [0, 0]


def test_properties_without_a_space_behind_leave_the_fifth_column_and_are_warned_of(write, caplog):
    text = "1\nProperties=species:S:1:pos:R:3:forces:R:3\nC 1 2 3 0.5 9 9\n"
    assert loadXYZ(write(text))[2].tolist() == [0.5]
    assert "no space behind Properties=" in caplog.text


def test_lines_after_the_last_atom_are_ignored(write):
    assert len(loadXYZ(write(WATER + "\nanything\n"))[1]) == 3


def test_a_trajectory_is_refused_naming_the_line_of_its_second_geometry(write):
    with pytest.raises(
        AfmInputError, match=r"line 6: '3' begins another geometry after the 3 atom"
    ):
        loadXYZ(write(WATER + WATER))


@pytest.mark.parametrize("name", ["mulliken_charges", "Charge"])
def test_a_column_of_charges_under_another_name_is_warned_of(write, caplog, name):
    assert loadXYZ(write(extended(name)))[2].tolist() == [0, 0]
    (warning,) = caplog.messages
    assert f"column '{name}' is not used and the charges are 0" in warning
    loadXYZ(write(extended(name)), charges="ignore")
    loadXYZ(write(extended("initial_charges")))
    assert len(caplog.messages) == 1


def test_every_shipped_molecule_is_read_and_neutral(root):
    files = sorted((root / "resources" / "afm" / "molecules").glob("*.xyz"))
    assert len(files) == 38
    for file in files:
        xyzs, Zs, qs, _ = loadXYZ(file)
        assert len(xyzs) == len(Zs) >= 3
        # Charges are rounded to 6 digits at most.
        assert abs(qs.sum()) < 1e-3


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["line 1", "empty"]),
        ("  \n", ["line 1", "empty"]),
        ("twelve\n\nC 0 0 0\n", ["line 1", "'twelve'"]),
        ("0\n\n", ["line 1", "'0'"]),
        ("-1\n\n", ["line 1", "'-1'"]),
        ("1.0\n\nC 0 0 0\n", ["line 1", "'1.0'"]),
        ("1 2\n\nC 0 0 0\n", ["line 1", "'1 2'"]),
        (b"\x00\xff\xfe\x01", ["line 1"]),
        ("3\n\nC 0 0 0\nC 0 0 1\n", ["line 4", "2 of 3 atoms", "C 0 0 1"]),
        ("2\n\nC 0 0 0\nC 0 1\n", ["line 4", "'C 0 1'", "4 columns"]),
        ("2\n\nC 0 0 0\nC 0 x 1\n", ["line 4", "'x'", "coordinate"]),
        ("2\n\nC 0 0 nan\nC 0 0 1\n", ["line 3", "'nan'", "not finite"]),
        ("2\n\nC 0 0 inf\nC 0 0 1\n", ["line 3", "'inf'", "not finite"]),
        ("2\n\nC 0 0 1_0\nC 0 0 1\n", ["line 3", "'1_0'"]),
        ("2\n\nC 0 0 0\nXx 0 0 1\n", ["line 4", "'Xx'"]),
        ("2\n\n0 0 0 0\n119 0 0 1\n", ["line 3", "'0'", "line 4", "'119'"]),
        ("2\n\nC 0 0 0 0.1\nC 0 0 1 nan\n", ["line 4", "charge 'nan'", "not finite", "ignore"]),
        ("2\n\nC 0 0 0 0.1\nC 0 0 1 left\n", ["line 4", "'left'", "charges: ignore"]),
        ("2\n\nC 0 0 0 0.1\nC 0 0 1\n", ["line 4", "column 5"]),
        ("1\nProperties=species:S:1:pos:R:3:charge:R a\nC 0 0 0 1\n", ["line 2", "Properties"]),
        ("1\nProperties=species:S:1:pos:R:3:charge:R:x a\nC 0 0 0 1\n", ["line 2"]),
    ],
)
def test_bad_files_are_refused_naming_file_line_and_text(write, text, found):
    path = write(text)
    with pytest.raises(AfmInputError) as error:
        loadXYZ(path)
    message = str(error.value)
    assert message.startswith(f"afm: {path}: ")
    assert "expected" in message
    assert "\n" not in message
    for part in found:
        assert part in message


def test_all_bad_lines_are_listed(write):
    with pytest.raises(AfmInputError, match=r"line 3.*line 5") as error:
        loadXYZ(write("3\n\nC 0 0\nC 0 0 0\nC 0 0 a\n"))
    assert "line 4" not in str(error.value)


def test_a_long_list_of_bad_lines_is_counted(write):
    with pytest.raises(AfmInputError, match="and 15 more bad lines"):
        loadXYZ(write("20\n\n" + "C 0 0 x\n" * 20))


def test_missing_file_is_a_file_not_found_error(tmp_path):
    with pytest.raises(AfmMissingFileError, match=r"nowhere\.xyz") as error:
        loadXYZ(tmp_path / "nowhere.xyz")
    assert isinstance(error.value, FileNotFoundError)
    with pytest.raises(AfmInputError, match="directory"):
        loadXYZ(tmp_path)


def test_atomic_numbers_in_the_fifth_column_are_no_charges(data):
    path = data / "afm" / "molecules" / "FePc_badcharge.xyz"
    with pytest.raises(ChargeColumnError, match="charges: ignore") as error:
        loadXYZ(path)
    assert isinstance(error.value, ValueError)
    assert path.name in str(error.value)
    xyzs, Zs, qs, _ = loadXYZ(path, charges="ignore")
    assert not qs.any()
    trusted = loadXYZ(path, charges="trust")
    assert np.array_equal(trusted[2], Zs)
    assert np.array_equal(trusted[0], xyzs)


def test_a_lone_proton_may_carry_its_atomic_number(write):
    assert loadXYZ(write("1\n\nH 0 0 0 1\n"))[2].tolist() == [1]
    with pytest.raises(ChargeColumnError):
        loadXYZ(write("2\n\nH 0 0 0 1\nH 0 0 1 1\n"))


def test_charges_beyond_five_are_refused(write):
    assert loadXYZ(write("2\n\nC 0 0 0 5\nC 0 0 1 -5\n"))[2].tolist() == [5, -5]
    with pytest.raises(ChargeColumnError, match=r"line 4: charge -5.1 e"):
        loadXYZ(write("2\n\nC 0 0 0 5\nC 0 0 1 -5.1\n"))


def test_labels_in_the_fifth_column_can_be_ignored(write):
    assert not loadXYZ(write("1\n\nC 0 0 0 left\n"), charges="ignore")[2].any()


def test_unknown_treatment_of_charges_is_refused(write):
    with pytest.raises(AfmConfigError, match="check, ignore, trust"):
        loadXYZ(write(WATER), charges="maybe")


def test_writing_and_reading_keep_every_bit(tmp_path):
    rng = np.random.default_rng(1)
    xyzs, qs = rng.normal(size=(5, 3)), rng.normal(size=5) / 3
    Zs = np.array([1, 6, 26, 53, 118])
    path = tmp_path / "a.xyz"
    saveXYZ(path, xyzs, Zs, qs, "a comment")
    lines = path.read_text().split("\n")
    assert lines[:2] == ["5", "a comment"]
    assert len(lines) == 7
    back = loadXYZ(path)
    assert np.array_equal(back[0], xyzs)
    assert np.array_equal(back[1], Zs)
    assert np.array_equal(back[2], qs)
    saveXYZ(path, xyzs, Zs)
    assert not loadXYZ(path)[2].any()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"xyzs": np.zeros((2, 2))}, "shapes"),
        ({"Zs": [6]}, "shapes"),
        ({"xyzs": np.zeros((0, 3)), "Zs": []}, "shapes"),
        ({"xyzs": np.full((2, 3), np.nan)}, "finite"),
        ({"comment": "two\nlines"}, "line break"),
    ],
)
def test_what_cannot_be_an_xyz_file_is_not_written(tmp_path, arguments, found):
    given = {"xyzs": np.zeros((2, 3)), "Zs": [6, 6], **arguments}
    with pytest.raises(AfmConfigError, match=found):
        saveXYZ(tmp_path / "a.xyz", **given)
    assert not list(tmp_path.iterdir())


def test_lattice_of_an_extended_comment():
    lattice = parse_lattice('Lattice="5 0 0 0 6 0 1 0 7" Properties=species:S:1:pos:R:3 ')
    assert lattice.tolist() == [[5, 0, 0], [0, 6, 0], [1, 0, 7]]
    assert parse_lattice("no cell here") is None


@pytest.mark.parametrize("numbers", ["1 2 3", "1 0 0 0 1 0 0 0 x", "1 0 0 2 0 0 0 0 1"])
def test_a_lattice_that_spans_no_cell_is_refused(numbers):
    with pytest.raises(AfmInputError, match="nine numbers"):
        parse_lattice(f'Lattice="{numbers}"')
