import numpy as np
import pytest
from afm_reference import HELPERS, molecule

from simlab.afm.errors import AfmInputError
from simlab.afm.molecules import (
    close_contacts,
    covalent_radii,
    findBonds_,
    suspicions,
    vdw_radii,
)


@pytest.mark.parametrize("name", sorted(HELPERS["bonds"]))
def test_bonds_equal_the_reference_in_their_order(name):
    xyz, Zs, _ = molecule(name)
    assert findBonds_(xyz, Zs) == [tuple(pair) for pair in HELPERS["bonds"][name]]


def test_a_bond_is_shorter_than_the_scaled_sum_of_radii():
    limit = 1.2 * covalent_radii([6, 8]).sum()
    for length, bonds in ((limit - 1e-9, [(1, 0)]), (limit + 1e-9, [])):
        assert findBonds_([[0, 0, 0], [0, 0, length]], [6, 8]) == bonds
    assert findBonds_([[0, 0, 0], [0, 0, limit]], [6, 8], fR=1.3) == [(1, 0)]


def test_close_contacts_name_pairs_and_distances():
    xyz = [[0, 0, 0], [0, 0, 0.3], [0, 0, 0.75]]
    assert close_contacts(xyz) == [(1, 0, pytest.approx(0.3))]
    assert [pair[:2] for pair in close_contacts(xyz, 0.5)] == [(1, 0), (2, 1)]


def test_no_shipped_molecule_has_close_contacts(root):
    for file in (root / "resources" / "afm" / "molecules").glob("*.xyz"):
        assert not close_contacts(molecule(file.stem)[0])


@pytest.mark.parametrize("radii", [covalent_radii, vdw_radii])
@pytest.mark.parametrize(("Z", "found"), [(113, "Uut"), (0, "0 is no element"), (119, "119")])
def test_elements_without_radius_are_refused(radii, Z, found):
    with pytest.raises(AfmInputError, match=found):
        radii(np.array([6, Z]))


def test_suspicious_geometries_are_described():
    flat = np.array([[0.0, 0, 0], [0, 0, 0.3], [9.1, 0, 0]])
    contact, element, width = suspicions(flat, [6, 6, 94], (11, 11))
    assert "1 and 2 with 0.300 Å" in contact
    assert "Pu" in element
    assert "9.1 x 0.0 Å" in width
    assert not suspicions(flat[::2], [6, 6], (11.2, 11))


def test_shipped_molecules_wider_than_the_window_of_the_seed(root):
    files = (root / "resources" / "afm" / "molecules").glob("*.xyz")
    wide = {f.stem for f in files if suspicions(*molecule(f.stem)[:2], (16, 16))}
    assert wide == {"FFPB", "Gr6x6N3hole", "out2", "pentacene"}


@pytest.mark.parametrize(
    ("charges", "suspicious"),
    [
        ([0.4, -0.4, 0.0], False),
        ([0.4, -0.4, 0.98], False),
        ([1, 2, 3], True),
        ([0.3, 0.3, 0.0], True),
    ],
)
def test_charges_that_add_up_to_no_charge_of_a_molecule_are_suspicious(charges, suspicious):
    xyzs = np.array([[0.0, 0, 0], [1.4, 0, 0], [2.8, 0, 0]])
    found = suspicions(xyzs, [6, 6, 6], (16, 16), charges)
    assert bool(found) == suspicious
    assert all("charges add up to" in text for text in found)
