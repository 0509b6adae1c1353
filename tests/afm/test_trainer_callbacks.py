import numpy as np
import pytest
from afm_reference import paths
from afm_trainers import (
    CO,
    CO_XE,
    RandomizedInverse,
    equal_samples,
    seed_maps,
    small_afmulator,
    small_trainer,
)

from simlab.afm.descriptors import HeightMap, vdwSpheres
from simlab.afm.errors import AfmConfigError, AfmInputError
from simlab.afm.rotations import sphereTangentSpace
from simlab.afm.simulator import AFMulator
from simlab.afm.trainers import InverseAFMtrainer
from simlab.core.random import generator


def test_the_script_of_the_seed_writes_every_batch(tmp_path):
    afmulator = AFMulator(
        pixPerAngstrome=5,
        scan_dim=(16, 14, 8),
        scan_window=((2, 2, 5), (14, 13, 5.8)),
        df_steps=4,
        npbc=(0, 0, 0),
    )
    window = {"scan_window": [c[:2] for c in afmulator.scan_window], "scan_dim": (16, 14)}
    aux_maps = [vdwSpheres(**window), HeightMap(afmulator.scanner)]

    class ExampleTrainer(InverseAFMtrainer):
        def on_sample_start(self):
            self.randomize_distance(delta=0.2)
            self.randomize_tip(max_tilt=0.3)

    trainer = ExampleTrainer(
        afmulator,
        aux_maps,
        [str(path) for path in paths("formic_acid", "bcb", "g2_NH3")],
        batch_size=4,
        distAbove=4.5,
        iZPPs=[8],
        QZs=[[0.1, 0, -0.1, 0]],
        Qs=[[-10, 20, -10, 0]],
    )
    trainer.augment_with_rotations_entropy(sphereTangentSpace(n=20), 3)
    trainer.shuffle_molecules()
    for ib, (afm, desc, mols) in enumerate(trainer):
        np.savez(tmp_path / f"batch_{ib}.npz", afm=afm, desc=desc, mols=mols)
    files = sorted(tmp_path.glob("batch_*.npz"))
    assert len(files) == len(trainer) == 3
    sizes = []
    for file, count in zip(files, (4, 4, 1), strict=True):
        with np.load(file, allow_pickle=True) as batch:
            assert batch["afm"].shape == (1, count, 16, 14, 5)
            assert batch["desc"].shape == (2, count, 16, 14)
            assert np.isfinite(batch["afm"]).all()
            sizes += [len(mol) for mol in batch["mols"]]
    assert sorted(sizes) == [4] * 3 + [5] * 3 + [12] * 3


def test_molecules_of_equal_size_stay_apart(tmp_path):
    (batch,) = small_trainer(names=("bcb", "benzene"))
    assert batch[2].shape == (2,)
    assert batch[2].dtype == object
    assert batch[2][0].shape == batch[2][1].shape == (12, 5)


def test_what_one_sample_changes_does_not_reach_the_next():
    class Changing(RandomizedInverse):
        def on_sample_start(self):
            super().on_sample_start()
            if self.counter == 0:
                self.distAboveActive = 5.5
                self.afmulator.tipR0 = [0.5, 0.5, 3.5]
                self.afmulator.setStiffness([1, 1, 0, 20])
                self.afmulator.setScanWindow(((0, 0, 7), (5, 5, 8)), (12, 10, 8), 4)
                self.xyzs = self.xyzs + 1
                self.qs = self.qs * 2

    plain = list(small_trainer().simulate(0, 3))
    changed = list(small_trainer(Changing).simulate(0, 3))
    assert not equal_samples(plain[0], changed[0])
    assert equal_samples(plain[1], changed[1])
    assert equal_samples(plain[2], changed[2])


def test_the_simulator_is_left_as_it_was():
    afmulator = small_afmulator(iZPP=17, Qs=[1, 0, 0, 0], tipR0=[0.1, 0, 4])
    list(small_trainer(afmulator=afmulator, **CO_XE))
    assert afmulator.iZPP == 17
    assert list(afmulator.Qs) == [1, 0, 0, 0]
    assert list(afmulator.tipR0) == [0.1, 0, 4]


def test_what_the_start_of_a_batch_changes_holds_for_its_samples():
    class Stepwise(InverseAFMtrainer):
        def on_batch_start(self):
            self.distAboveActive = 4.5 if self.counter == 0 else self.distAboveActive
            x = self.afmulator.tipR0[0] + 0.1 * (self.counter == 0)
            self.afmulator.tipR0 = [x, 0, 3]

        def on_afm_start(self):
            self.seen.append((self.distAboveActive, self.afmulator.tipR0[0]))
            self.distAboveActive = 1.0
            self.afmulator.tipR0 = [0.7, 0, 3]

    trainer = small_trainer(Stepwise)
    trainer.seen = []
    list(trainer)
    assert trainer.seen == [(4.5, 0.1), (4.5, 0.1), (4.0, 0.0)]


def test_images_replaced_after_the_simulation_are_those_of_the_batch():
    class Inverted(InverseAFMtrainer):
        def on_afm_end(self):
            self.Xs = -self.Xs

    plain = next(small_trainer(InverseAFMtrainer))[0][0]
    assert np.array_equal(next(small_trainer(Inverted))[0][0], -plain)


def test_callbacks_see_the_sample():
    seen = []

    class Watching(InverseAFMtrainer):
        def on_afm_start(self):
            shapes = (self.xyzs.shape, self.qs.shape, self.Zs.shape, self.REAs.shape)
            seen.append((self.counter, shapes, self.Zs[0], self.afmulator.iZPP))

    list(small_trainer(Watching, names=("formic_acid", "g2_H2O"), **CO_XE))
    shapes = [((n, 3), (n,), (n,), (n, 4)) for n in (5, 3)]
    assert seen == [
        (0, shapes[0], 6, 8),
        (0, shapes[0], 6, 54),
        (1, shapes[1], 8, 8),
        (1, shapes[1], 8, 54),
    ]


def test_each_tip_has_its_own_stiffness_and_length():
    seen = []

    class Watching(InverseAFMtrainer):
        def on_afm_start(self):
            seen.append((self.afmulator.tipStiffness.tolist(), list(self.afmulator.tipR0)))

    own = [0.5, 0.5, 0, 20]
    options = {**CO_XE, "tipStiffnesses": [None, own], "tipR0s": [None, 4.0]}
    sample = next(small_trainer(Watching, **options).simulate(0, 1))
    assert seen == [([0.25, 0.25, 0, 30], [0, 0, 3]), (own, [0, 0, 4])]
    assert sample.tipR0[:, 2].tolist() == [3, 4]
    plain = next(small_trainer(InverseAFMtrainer, **CO_XE).simulate(0, 1))
    assert np.array_equal(sample.X[0], plain.X[0])
    assert not np.array_equal(sample.X[1], plain.X[1])


def test_drawn_distances_and_tilts_stay_in_their_range_and_spread():
    trainer = small_trainer(InverseAFMtrainer)
    distances, tilts = [], []
    for _ in range(300):
        trainer.randomize_distance(0.2)
        trainer.randomize_tip(0.3)
        distances.append(trainer.distAboveActive)
        tilts.append(np.hypot(*trainer.afmulator.tipR0[:2]))
    assert 3.8 <= min(distances) < 3.82
    assert 4.18 < max(distances) <= 4.2
    assert max(tilts) <= 0.3
    # Half of the area lies within max / sqrt(2).
    assert 0.4 < np.mean(np.array(tilts) < 0.3 / np.sqrt(2)) < 0.6


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda t: t.randomize_tip(3.0), "max_tilt"),
        (lambda t: t.randomize_tip(-0.1), "max_tilt"),
        (lambda t: t.randomize_distance(-1), "delta"),
        (lambda t: t.randomize_distance("far"), "delta"),
        (lambda t: t.augment_with_rotations([np.ones((3, 3))]), "rotations"),
    ],
)
def test_draws_that_cannot_be_made_are_refused(call, found):
    with pytest.raises(AfmConfigError, match=found):
        call(small_trainer())


def test_a_tilt_must_be_smaller_than_the_shortest_tip():
    trainer = small_trainer(tipR0s=[0.5])
    with pytest.raises(AfmConfigError, match=r"tipR0.z = 0\.5"):
        trainer.randomize_tip(0.5)


def test_varied_parameters_are_drawn_in_the_documented_order():
    recorded = []

    class Varied(InverseAFMtrainer):
        def on_afm_start(self):
            before = (self.qs.copy(), self.REAs.copy())
            self.randomize_mol_parameters(0.2, 0.1, 0.5, 0)
            recorded.append((*before, self.qs, self.REAs))

    trainer = small_trainer(Varied, names=("bcb",), **CO_XE)
    sample = next(trainer.simulate(0, 1))
    rng = generator(0, "afm.sample", 0)
    for q, REAs, q_new, REAs_new in recorded:
        np.testing.assert_array_equal(q_new, q + 0.2 * (rng.random(12) - 0.5))
        np.testing.assert_array_equal(REAs_new[:, 0], REAs[:, 0] + 0.1 * (rng.random(12) - 0.5))
        np.testing.assert_array_equal(
            REAs_new[:, 1], REAs[:, 1] * (1 + 0.5 * (rng.random(12) - 0.5))
        )
        np.testing.assert_array_equal(REAs_new[:, 2:], REAs[:, 2:])
    # Each tip starts from the charges of the file; the record holds those of the last tip.
    np.testing.assert_array_equal(recorded[0][0], recorded[1][0])
    np.testing.assert_array_equal(sample.mol[:, 3], recorded[1][2])
    np.testing.assert_array_equal(trainer.molecules[0][:, 3], recorded[0][0])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"iZPPs": [8, 54]}, r"Qs: 1 entries; expected 2"),
        ({"QZs": [[0.1, 0, -0.1, 0]] * 2}, r"QZs: 2 entries; expected 1"),
        ({"Qs": [[1, 2, 3]]}, "Qs: .*4 finite numbers"),
        ({"Qs": [[1, 2, 3, np.nan]]}, "Qs: .*4 finite numbers"),
        ({"Qs": [1, 2, 3, 4]}, "Qs: 4 entries"),
        ({"iZPPs": []}, "iZPPs"),
        ({"iZPPs": 8}, "iZPPs"),
        ({"tipStiffnesses": [None, None]}, "tipStiffnesses: 2 entries"),
        ({"tipR0s": [-3]}, "tipR0s"),
        ({"tipR0s": [0.5], "afmulator": small_afmulator(tipR0=(0.3, -0.4, 3))}, "tipR0s: 0.5"),
        ({"sample_lvec": np.ones((3, 3))}, "sample_lvec"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"distAbove": "high"}, "distAbove"),
        ({"distAbove": np.inf}, "distAbove"),
        ({"distance_reference": "side"}, "top, bottom"),
        ({"rng": "legacyy"}, "did you mean legacy"),
        ({"seed": -1}, "seed"),
        ({"sample_offset": -1}, "sample_offset"),
        ({"aux_maps": ["vdwSpheres"]}, "aux_maps"),
        ({"aux_maps": "vdwSpheres"}, "aux_maps"),
        ({"names": ()}, "expected either"),
        ({"molecules": [np.zeros((1, 5))]}, "expected either"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(options, found):
    with pytest.raises(ValueError, match=found) as error:
        small_trainer(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "rows",
    [
        *(np.zeros((2, 4)), np.zeros((0, 5)), np.full((1, 5), np.nan), "rows"),
        *([[0, 0, 0, 0, Z]] for Z in (6.5, 0, -1, 119)),
    ],
)
def test_molecules_that_are_none_are_refused(rows):
    with pytest.raises(AfmConfigError, match="entry 0"):
        InverseAFMtrainer(small_afmulator(), [], [], molecules=[rows], **CO)


def test_unknown_probe_elements_and_one_path_as_text_are_refused():
    with pytest.raises(AfmInputError, match="Qq"):
        small_trainer(iZPPs=["Qq"])
    with pytest.raises(AfmConfigError, match="paths"):
        InverseAFMtrainer(small_afmulator(), [], "a.xyz", **CO)


def test_maps_of_another_simulator_are_refused():
    with pytest.raises(AfmConfigError, match="another scanner"):
        small_trainer(aux_maps=[HeightMap(small_afmulator().scanner)])


def test_a_bad_file_is_named_before_anything_is_simulated(tmp_path):
    bad = tmp_path / "bad.xyz"
    bad.write_text("2\n\nC 0 0 0\n")
    with pytest.raises(AfmInputError, match=r"bad\.xyz: line 3"):
        InverseAFMtrainer(small_afmulator(), [], [*paths("bcb"), bad], **CO)


def test_a_height_map_without_a_hit_is_told_and_zero(caplog):
    afmulator = small_afmulator()
    maps = seed_maps(afmulator)
    # The strokes end 13 Å below the highest anchor, above the molecule.
    trainer = small_trainer(InverseAFMtrainer, afmulator=afmulator, aux_maps=maps, distAbove=14)
    sample = next(trainer.simulate(0, 1))
    assert sample.height_missed is True
    assert not sample.Y[2].any()
    assert sum("the map is 0" in message for message in caplog.messages) == 1


def test_a_suspicious_file_is_told_once(caplog):
    trainer = small_trainer(names=("pentacene", "g2_H2O"))
    trainer.augment_with_rotations(sphereTangentSpace(3))
    (message,) = [text for text in caplog.messages if "wide as read" in text]
    assert "pentacene.xyz" in message
