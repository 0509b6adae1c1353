"""Files of potentials and densities: cube, xsf, npz."""

import numpy as np
import pytest

from simlab.afm.densities import ElectronDensity, HartreePotential, TipDensity
from simlab.afm.errors import AfmConfigError, AfmInputError, AfmMissingFileError
from simlab.afm.files.cube import read_cube
from simlab.afm.files.grids import read_grid, write_grid
from simlab.afm.files.xsf import read_xsf

BOHR = 0.5291772109217
HARTREE = 27.211396132
VALUES = np.arange(24.0).reshape(2, 3, 4)
LVEC = np.array([[1.0, -2.0, 0.5], [4.0, 0, 0], [1.0, 6, 0], [0, 0.5, 8]])
XYZS = np.array([[1.5, 0.25, 2.0], [0.1, -1.0, 3.0]])
ZS = np.array([6, 17], np.int32)


def cube_text(shape=(2, 3, 4), n_atoms="2", orbitals="", values=None, head=("a", "b")):
    axes = [
        f"{n} {' '.join(repr(float(x)) for x in LVEC[1 + i] / abs(n))}" for i, n in enumerate(shape)
    ]
    atoms = [f"{Z} 0.0 {x} {y} {z}" for Z, (x, y, z) in zip(ZS, XYZS, strict=True)]
    numbers = VALUES if values is None else values
    rows = [" ".join(f"{v:.5E}" for v in row) for row in np.reshape(numbers, (-1, 4))]
    origin = " ".join(map(str, LVEC[0]))
    return "\n".join([*head, f"{n_atoms} {origin}", *axes, *atoms, orbitals, *rows]) + "\n"


def xsf_text(values=VALUES, atoms=True, begin="BEGIN_DATAGRID_3D_density"):
    padded = np.pad(values, [(0, 1)] * 3, mode="wrap")
    rows = [" ".join(map(str, LVEC[1 + i])) for i in range(3)]
    lines = ["# comment", "CRYSTAL", "PRIMVEC", *rows]
    if atoms:
        lines += ["PRIMCOORD", "2 1", "C 1.5 0.25 2.0", "17 0.1 -1.0 3.0"]
    lines += ["BEGIN_BLOCK_DATAGRID_3D", "some_name", begin]
    lines += [" ".join(map(str, padded.shape)), " ".join(map(str, LVEC[0])), *rows]
    lines += [" ".join(map(str, padded.ravel(order="F").tolist()))]
    return "\n".join([*lines, "END_DATAGRID_3D", "END_BLOCK_DATAGRID_3D"]) + "\n"


def write(folder, name, text):
    (folder / name).write_text(text)
    return folder / name


# --- cube -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("quantity", "factor"), [("potential", HARTREE), ("density", 1 / BOHR**3)])
def test_a_cube_file_in_atomic_units(tmp_path, quantity, factor):
    array, lvec, xyzs, Zs = read_cube(write(tmp_path, "v.cube", cube_text()), quantity)
    np.testing.assert_allclose(array, VALUES * factor, rtol=1e-6)
    assert array.dtype == np.float32
    np.testing.assert_allclose(lvec, LVEC * BOHR, rtol=1e-12)
    np.testing.assert_allclose(xyzs, XYZS * BOHR)
    np.testing.assert_array_equal(Zs, ZS)


def test_negative_numbers_of_voxels_mean_angstrom(tmp_path):
    path = write(tmp_path, "v.cube", cube_text(shape=(-2, -3, -4)))
    array, lvec, xyzs, _ = read_cube(path, "density")
    assert array.shape == (2, 3, 4)
    np.testing.assert_allclose(lvec, LVEC, rtol=1e-12)
    np.testing.assert_allclose(xyzs, XYZS)


def test_the_orbital_line_of_a_cube_file_is_skipped(tmp_path):
    path = write(tmp_path, "v.cube", cube_text(n_atoms="-2", orbitals="1 12"))
    np.testing.assert_allclose(read_cube(path, "potential")[0], VALUES * HARTREE, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty; expected a Gaussian cube file"),
        ("a\nb\n", "ends after line 2; expected number of atoms and origin"),
        ("a\nb\nxx 0 0 0\n", "line 3: 'xx 0 0 0'; expected number of atoms"),
        (cube_text(n_atoms="2.5"), "line 3: '2.5'; expected number of atoms"),
        (cube_text(n_atoms="3"), "line 9: .*; expected atomic number, charge"),
        (cube_text().replace("17 0.0", "170 0.0"), "line 8: '170.0'; expected atomic number"),
        (cube_text(n_atoms="-2", orbitals="2 1 2"), r"line 9: '2.0'; expected a single orbital"),
        (cube_text(values=VALUES[:1]), "12 values; expected 24 for 2x3x4 voxels"),
        (cube_text() + "7.0\n", "25 values; expected 24"),
        (cube_text().replace("7.00000E+00", "7.0D+00"), "'7.0D[+]00' among the values"),
        (cube_text().replace("7.00000E+00", "nan"), "1 values are not finite"),
        (cube_text().replace("2 2.0", "1 2.0", 1), "numbers of voxels, each 2 to 2048"),
    ],
)
def test_an_unusable_cube_file_is_refused(tmp_path, text, words):
    path = write(tmp_path, "v.cube", text)
    with pytest.raises(AfmInputError, match=rf"afm: .*v\.cube: .*{words}") as caught:
        read_cube(path, "potential")
    assert "\n" not in str(caught.value)


# --- xsf ------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", ["BEGIN_DATAGRID_3D", "BEGIN_DATAGRID_3D_x", "DATAGRID_3D_x"])
def test_an_xsf_file_loses_its_repeated_planes(tmp_path, begin):
    array, lvec, xyzs, Zs = read_xsf(write(tmp_path, "v.xsf", xsf_text(begin=begin)))
    np.testing.assert_array_equal(array, VALUES)
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(lvec, LVEC)
    np.testing.assert_array_equal(xyzs, XYZS)
    np.testing.assert_array_equal(Zs, ZS)


def test_an_xsf_file_without_atoms_is_read_with_a_warning(tmp_path, caplog):
    _, _, xyzs, Zs = read_xsf(write(tmp_path, "v.xsf", xsf_text(atoms=False)))
    assert xyzs.shape == (0, 3)
    assert Zs.shape == (0,)
    assert "v.xsf: no PRIMCOORD" in caplog.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CRYSTAL\n", "ends after line 1; expected BEGIN_DATAGRID_3D"),
        (xsf_text().replace("3 4 5\n", "3 4\n"), r"line 14: '3 4'; expected three numbers"),
        (xsf_text().replace("3 4 5\n", "3 4 2\n"), r"line 14: '3 4 2'; expected three numbers"),
        (xsf_text().replace("3 4 5\n", "3 4 6\n"), "60 values; expected 72 for 3x4x6"),
        (xsf_text().replace("C 1.5", "Qq 1.5"), r"line 9: 'Qq 1.5 0.25 2.0'; expected element"),
        (xsf_text().replace("2 1\n", "-2 1\n"), "line 8: '-2'; expected number of atoms"),
        (xsf_text().replace(" 23.0 ", " abc "), "'abc' among the values"),
    ],
)
def test_an_unusable_xsf_file_is_refused(tmp_path, text, words):
    with pytest.raises(AfmInputError, match=rf"afm: .*v\.xsf: .*{words}"):
        read_xsf(write(tmp_path, "v.xsf", text))


# --- npz, choice by suffix ------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".npz", ".xsf"])
def test_a_written_grid_reads_back_exactly(tmp_path, suffix):
    array = np.random.default_rng(5).normal(size=(3, 4, 5)).astype(np.float32)
    path = tmp_path / f"grid{suffix}"
    write_grid(path, array, LVEC, XYZS, ZS)
    found = read_grid(path)
    for value, expected in zip(found, (array, LVEC, XYZS, ZS), strict=True):
        np.testing.assert_array_equal(value, expected)
        assert value.dtype == expected.dtype


def test_other_names_of_npz_arrays_are_understood(tmp_path):
    path = tmp_path / "grid.npz"
    np.savez(path, data=VALUES, origin=LVEC[0], lattice=LVEC[1:], xyz=XYZS, Z=ZS)
    array, lvec, xyzs, Zs = read_grid(path)
    np.testing.assert_array_equal(array, VALUES)
    np.testing.assert_array_equal(lvec, LVEC)
    np.testing.assert_array_equal(xyzs, XYZS)
    np.testing.assert_array_equal(Zs, ZS)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"lvec": LVEC}, "no array data, found lvec; expected data, lvec, xyzs, Zs"),
        ({"data": VALUES}, "no array lvec, found data"),
        ({"data": VALUES[0], "lvec": LVEC}, r"data of shape \(3, 4\).*expected numbers of shape"),
        ({"data": VALUES[:1], "lvec": LVEC}, r"data of shape \(1, 3, 4\); expected at least 2"),
        ({"data": VALUES, "lvec": LVEC[1:]}, r"lvec of shape \(3, 3\).*\(4, 3\)"),
        ({"data": VALUES, "lvec": 0 * LVEC}, "span no volume"),
        ({"data": VALUES + np.inf, "lvec": LVEC}, "24 values of data are not finite"),
        ({"data": VALUES, "lvec": LVEC, "xyzs": XYZS, "Zs": ZS[:1]}, r"Zs of shape \(1,\).*\(2\)"),
        ({"data": VALUES.astype(str), "lvec": LVEC}, "dtype <U"),
    ],
)
def test_an_unusable_npz_file_is_refused(tmp_path, arrays, words):
    np.savez(tmp_path / "grid.npz", **arrays)
    with pytest.raises(AfmInputError, match=rf"afm: .*grid\.npz: .*{words}"):
        read_grid(tmp_path / "grid.npz")


def test_pickles_and_damaged_archives_are_refused(tmp_path):
    np.savez(tmp_path / "grid.npz", data=np.array([{}], object), lvec=LVEC)
    with pytest.raises(AfmInputError, match="pickled"):
        read_grid(tmp_path / "grid.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(AfmInputError, match=r"text\.npz: not an npz file"):
        read_grid(tmp_path / "text.npz")


@pytest.mark.parametrize("name", ["none.cube", "none.xsf", "none.npz"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(AfmMissingFileError, match=f"afm: .*{name}: no such file") as caught:
        read_grid(tmp_path / name)
    assert isinstance(caught.value, FileNotFoundError)


def test_unknown_formats_quantities_and_scales_are_refused(tmp_path):
    path = write(tmp_path, "v.cube", cube_text())
    with pytest.raises(AfmConfigError, match=r"suffix '\.dat'; expected one of \.cube"):
        read_grid(tmp_path / "v.dat")
    with pytest.raises(AfmConfigError, match="quantity: 'charge'; expected one of potential"):
        read_grid(path, "charge")
    with pytest.raises(AfmConfigError, match="scale: nan"):
        read_grid(path, scale=float("nan"))
    with pytest.raises(AfmConfigError, match=r"suffix '\.cube'; expected one of \.npz, \.xsf"):
        write_grid(tmp_path / "w.cube", VALUES, LVEC)


@pytest.mark.parametrize(
    ("kind", "factor"),
    [(HartreePotential, HARTREE), (ElectronDensity, BOHR**-3), (TipDensity, BOHR**-3)],
)
def test_each_kind_of_grid_reads_cube_files_in_its_unit(tmp_path, kind, factor):
    grid, xyzs, Zs = kind.from_file(write(tmp_path, "v.cube", cube_text()), scale=-1.0)
    np.testing.assert_allclose(grid.array, -factor * VALUES, rtol=1e-6)
    assert (len(xyzs), len(Zs)) == (2, 2)
    grid.to_file(tmp_path / "copy.npz", xyzs, Zs)
    copy, *atoms = kind.from_file(tmp_path / "copy.npz")
    np.testing.assert_array_equal(copy.array, grid.array)
    np.testing.assert_array_equal(copy.lvec, grid.lvec)
    np.testing.assert_array_equal(atoms[0], xyzs)
