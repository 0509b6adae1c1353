"""The contact sheet: every molecule first, its size, samples that could be simulated."""

import numpy as np
import pytest
from afm_finished import SMALL, SmallDataset
from PIL import Image

from simlab.afm.figures import unit_of
from simlab.afm.flags import FAILED
from simlab.afm.stages.preview import draw_preview, shown_samples


def test_new_molecules_come_before_others_and_failed_samples_not_at_all():
    mol_id = np.array([3, 3, 1, 3, 2, 1, 0, 0, 0, 0, 0])
    flags = np.zeros(11, np.uint32)
    flags[4] = FAILED
    assert shown_samples(mol_id, flags) == [0, 2, 6, 1, 3, 5, 7, 8]
    assert shown_samples(mol_id[:2], np.full(2, FAILED)) == [0, 1]


@pytest.mark.parametrize("tips", [1, 2])
def test_the_sheet_has_the_width_of_all_domains_and_the_same_bytes_again(tmp_path, tips):
    mapping = {
        **SMALL,
        "max_samples": 2,
        "tips": [{"name": f"tip{k}"} for k in range(tips)],
        "split": {"val": 0.0, "test": 0.0},
    }
    data = SmallDataset.of(tmp_path, mapping)
    data.make_inputs()
    data.make_shard("00000")
    pictures = [tmp_path / f"{k}.png" for k in range(2)]
    for picture in pictures:
        draw_preview("small", data["molecules.npz"], data.shards()[0], picture)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    with Image.open(pictures[0]) as image:
        assert 1200 <= image.width <= 2400


def test_units_are_those_of_the_data_contract():
    assert unit_of("HeightMap") == unit_of("MultiMapSpheres/1") == unit_of("vdwSpheres.2") == "Å"
    assert unit_of("ESMap/0") == unit_of("ESMapConstant") == "V/Å"
    assert unit_of("ESMap/1") == "Å"
    assert unit_of("Bonds") == unit_of("AtomicDisks") == ""
