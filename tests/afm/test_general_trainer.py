import numpy as np
import pytest
from afm_reference import molecule
from afm_samples import ROTATIONS, Molecules, Unnumbered
from afm_trainers import CO, CO_XE, Randomized, equal_samples, seed_global_generators

from simlab.afm.boxes import get_lvec
from simlab.afm.densities import TipDensity
from simlab.afm.descriptors import (
    ESMapConstant,
    HeightMap,
    MultiMapSpheres,
    vdwSpheres,
)
from simlab.afm.errors import AfmConfigError
from simlab.afm.general_trainer import GeneratorAFMtrainer
from simlab.afm.rotations import rotate_about
from simlab.afm.scanner import Scanner
from simlab.afm.scanning import NumbaEngine
from simlab.afm.simulator import AFMulator
from simlab.afm.species import getAtomsREA, loadSpecies
from simlab.afm.trainer_base import BatchTrainer
from simlab.core.random import generator

NAMES = ("formic_acid", "g2_H2O", "bcb")
CHARGED = {"sim_type": "LJ+PC", "Qs": CO["Qs"], "QZs": CO["QZs"]}


class RandomizedGeneral(Randomized, GeneratorAFMtrainer):
    """A GeneratorAFMtrainer with the callbacks of the seed."""


def small_afmulator(**options):
    arguments = {
        "pixPerAngstrome": 5,
        "scan_dim": (12, 10, 8),
        "scan_window": ((0, 0, 0), (8, 7, 0.8)),
        "df_steps": 4,
        "npbc": (0, 0, 0),
        "backend": "numba",
        **options,
    }
    return AFMulator(**arguments)


def small_trainer(kind=RandomizedGeneral, samples=None, maps=(), **options):
    afmulator = options.pop("afmulator", None) or small_afmulator()
    samples = Molecules(NAMES) if samples is None else samples
    return kind(afmulator, list(maps), samples, **{"batch_size": 2, "distAbove": 3.0, **options})


def test_batches_have_tips_and_channels_behind_the_samples():
    afmulator = small_afmulator()
    pixels = {"scan_dim": (12, 10), "scan_window": ((0, 0), (8, 7))}
    maps = [vdwSpheres(**pixels), MultiMapSpheres(**pixels), HeightMap(afmulator.scanner)]
    options = {"sim_type": "lj+pc", **CO_XE}
    trainer = small_trainer(afmulator=afmulator, maps=maps, **options)
    batches = list(trainer)
    assert len(trainer) == len(batches) == 2
    assert trainer.calls == "BSAEAESAEAEBSAEAE"
    for (Xs, Ys, mols, sws), b in zip(batches, (2, 1), strict=True):
        assert Xs.shape == (b, 2, 12, 10, 5)
        assert Ys.shape == (b, 5, 12, 10)
        assert sws.shape == (b, 2, 2, 3)
        assert Xs.dtype == Ys.dtype == np.float32
        assert isinstance(mols, list)
        assert len(mols) == b
    # The channels of a map follow each other: their maximum is that of the whole surface.
    Ys = batches[0][1]
    assert np.array_equal(Ys[:, 1:4].max(axis=1), Ys[:, 0])


def test_the_window_is_put_over_the_rotated_atoms():
    trainer = small_trainer(**CHARGED)
    for k, sample in enumerate(trainer.simulate(0, 3)):
        xyz, Zs, qs = molecule(NAMES[k])
        turned = rotate_about(xyz, ROTATIONS[k])
        np.testing.assert_allclose(sample.mol[:, :3], turned, rtol=1e-12, atol=1e-12)
        assert np.array_equal(sample.mol[:, 3], qs)
        assert np.array_equal(sample.mol[:, 4], Zs)
        window = sample.scan_windows[0]
        np.testing.assert_allclose(window[1] - window[0], [8, 7, 0.8], rtol=1e-12)
        np.testing.assert_allclose(window[:, :2].mean(axis=0), turned[:, :2].mean(axis=0))
        radii = getAtomsREA(8, Zs, loadSpecies())[:, 0]
        top = (turned[:, 2] + radii).max()
        assert window[0, 2] == pytest.approx(top + sample.distAbove[0], rel=1e-12)


def test_the_box_follows_window_and_tilt_and_is_put_back():
    boxes = []

    class Watching(RandomizedGeneral):
        def on_afm_start(self):
            afmulator = self.afmulator
            boxes.append(
                (
                    afmulator.lvec,
                    get_lvec(afmulator.scan_window, tipR0=afmulator.tipR0, pixPerAngstrome=5),
                )
            )

    trainer = small_trainer(Watching, **CHARGED)
    before = trainer.afmulator.lvec
    list(trainer)
    for found, expected in boxes:
        np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(boxes[0][0], boxes[1][0])
    np.testing.assert_array_equal(trainer.afmulator.lvec, before)
    assert trainer.afmulator.lvec_is_automatic


def test_the_distance_can_be_that_from_the_top():
    plain = {"kind": GeneratorAFMtrainer, **CHARGED}
    top = next(small_trainer(distance_reference="top", distAbove=3.8, **plain).simulate(0, 1))
    bottom = next(small_trainer(distAbove=3.0, **plain).simulate(0, 1))
    np.testing.assert_allclose(top.scan_windows, bottom.scan_windows, rtol=1e-12)


def test_images_are_those_of_the_simulator_over_the_same_window():
    trainer = small_trainer(**CHARGED)
    for k, sample in enumerate(trainer.simulate(0, 3)):
        afmulator = small_afmulator(scan_window=sample.scan_windows[0], tipR0=sample.tipR0[0])
        xyz, Zs, qs = molecule(NAMES[k])
        assert np.array_equal(sample.X[0], afmulator(xyz, Zs, qs, rot=ROTATIONS[k]))


def test_descriptors_lie_over_the_window_of_the_sample():
    maps = [vdwSpheres((12, 10)), ESMapConstant((12, 10), height=3.0)]
    for k, sample in enumerate(small_trainer(maps=maps, **CHARGED).simulate(0, 3)):
        window = sample.scan_windows[0][:, :2]
        xyz, Zs, qs = molecule(NAMES[k])
        xyzq = np.column_stack([rotate_about(xyz, ROTATIONS[k]), qs])
        for image, fresh in zip(
            sample.Y,
            (vdwSpheres((12, 10), window), ESMapConstant((12, 10), window, 3.0)),
            strict=True,
        ):
            np.testing.assert_allclose(image, fresh(xyzq, Zs), atol=1e-5)


def test_a_center_of_rotation_moves_atoms_window_and_maps_together():
    def samples(**entries):
        xyz, Zs, qs = molecule("bcb")
        return [{"xyzs": xyz, "Zs": Zs, "qs": qs, "rot": ROTATIONS[2], **entries}]

    class Plain(GeneratorAFMtrainer):
        pass

    maps = [vdwSpheres((12, 10))]
    about_mean = next(small_trainer(Plain, samples(), maps, **CHARGED).simulate(0, 1))
    center = {"rot_center": [1.0, 2, 3]}
    about_point = next(small_trainer(Plain, samples(**center), maps, **CHARGED).simulate(0, 1))
    shift = about_point.mol[:, :3] - about_mean.mol[:, :3]
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-12)
    assert np.abs(shift).max() > 0.5
    np.testing.assert_allclose(
        about_point.scan_windows - about_mean.scan_windows,
        shift[:1] * np.ones((1, 2, 1)),
        atol=1e-12,
    )
    np.testing.assert_allclose(about_point.Y[0], about_mean.Y[0], atol=1e-4)


def test_lj_takes_no_charges():
    sample = next(small_trainer(GeneratorAFMtrainer).simulate(0, 1))
    assert not sample.mol[:, 3].any()
    xyz, Zs, _ = molecule(NAMES[0])
    afmulator = small_afmulator(scan_window=sample.scan_windows[0])
    assert np.array_equal(sample.X[0], afmulator(xyz, Zs, None))


def test_drawn_oscillations_keep_step_and_number_of_images():
    class Varied(GeneratorAFMtrainer):
        def on_sample_start(self):
            self.randomize_df_steps(1, 7)

    names = NAMES * 4
    trainer = small_trainer(Varied, Molecules(names), seed=3)
    steps = set()
    for k, sample in enumerate(trainer.simulate(0, 12)):
        n = int(sample.df_steps[0])
        assert n == generator(3, "afm.sample", k).integers(1, 8)
        assert sample.X.shape == (1, 12, 10, 5)
        window = sample.scan_windows[0]
        depth = 5 + max(2, n) - 1
        assert window[1, 2] - window[0, 2] == pytest.approx(0.1 * depth, rel=1e-12)
        steps.add(n)
    assert len(steps) > 3
    assert trainer.afmulator.df_steps == 4
    assert tuple(trainer.afmulator.scan_dim) == (12, 10, 8)


def test_legacy_oscillations_come_from_the_global_generator():
    trainer = small_trainer(rng="legacy")
    seed_global_generators(5)
    expected = np.random.RandomState(5).randint(2, 9)
    trainer._has_sample(0)
    trainer._load()
    trainer.randomize_df_steps(2, 8)
    assert trainer.df_steps == expected


def test_the_first_sample_does_not_depend_on_batches_or_epochs():
    whole = list(small_trainer(**CHARGED).simulate(0, 3))
    trainer = small_trainer(batch_size=1, **CHARGED)
    for _ in range(2):
        for k, (Xs, _, mols, sws) in enumerate(trainer):
            assert np.array_equal(Xs[0], whole[k].X)
            assert np.array_equal(mols[0], whole[k].mol)
            assert np.array_equal(sws[0], whole[k].scan_windows)
    (second,) = small_trainer(**CHARGED).simulate(1, 2)
    assert equal_samples(second, whole[1])


def test_no_samples_give_no_batches():
    trainer = small_trainer(samples=[])
    assert list(trainer) == []
    assert trainer.calls == ""
    with pytest.raises(StopIteration):
        next(trainer)


def test_a_generator_is_used_up_and_has_no_length():
    trainer = small_trainer(samples=(sample for sample in Molecules(NAMES)))
    assert [len(batch[2]) for batch in trainer] == [2, 1]
    assert list(trainer) == []
    with pytest.raises(TypeError):
        len(trainer)


def test_samples_are_not_modified():
    sample = Molecules(["bcb"])[0]
    copies = {key: np.array(value, copy=True) for key, value in sample.items()}

    class Changing(GeneratorAFMtrainer):
        def on_sample_start(self):
            self.xyzs += 1
            self.qs *= 2
            self.rot[0] = 0

    with pytest.raises(ValueError, match="rot"):
        next(small_trainer(Changing, [sample], **CHARGED))
    assert all(np.array_equal(sample[key], value) for key, value in copies.items())


def _tip(value=1.0):
    lvec = np.vstack([np.zeros(3), 6 * np.eye(3)])
    return TipDensity(np.full((12, 12, 12), value), lvec)


@pytest.mark.parametrize(
    ("change", "options", "found"),
    [
        ({"rho": 1}, {}, "unknown entry 'rho', did you mean rot.*xyzs, Zs, qs, rho_sample, rot"),
        ({"xyzs": None}, {}, "no entry xyzs.*LJ"),
        ({"Zs": None}, {}, "no entry Zs.*LJ"),
        ({"qs": None}, CHARGED, r"no entry qs.*LJ\+PC"),
        ({"qs": np.zeros(2)}, CHARGED, r"shape \(2,\)"),
        ({}, {"sim_type": "LJ+Hartree", "rhos": [{"dz2": -0.1}]}, "expected a HartreePotential"),
        ({"xyzs": np.zeros((5, 2))}, {}, "shapes"),
        ({"xyzs": np.full((5, 3), np.nan)}, {}, "finite"),
        ({"Zs": [6, 8, 8, 1, 119]}, {}, "'119' is not an element"),
        ({"rot": np.ones((3, 3))}, {}, "rot"),
        ({"rot": np.diag([1.0, 1, -1])}, {}, "rot: .*determinant"),
    ],
)
def test_samples_that_cannot_be_used_are_refused(change, options, found):
    sample = {**Molecules(NAMES)[0], **change}
    with pytest.raises(ValueError, match=found):
        next(small_trainer(samples=[sample], **options))


def test_a_density_is_needed_for_the_full_density_model():
    options = {"sim_type": "FDBM", "rhos": [_tip()], "rho_deltas": [_tip()]}
    sample = Molecules(["g2_H2O"], shape=(8, 8, 8))[0]
    del sample["rho_sample"]
    with pytest.raises(AfmConfigError, match=r"no entry rho_sample.*FDBM"):
        next(small_trainer(samples=[sample], **options))
    with pytest.raises(AfmConfigError, match="expected a dict"):
        next(small_trainer(samples=[[1, 2]]))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"sim_type": "LJ+CP"}, r"did you mean LJ\+PC"),
        ({"sim_type": None}, "sim_type"),
        ({"sim_type": "LJ+PC"}, "Qs, QZs"),
        ({"Qs": [[1, 0, 0, 0]]}, "only one"),
        ({"sim_type": "LJ+Hartree"}, "rhos"),
        ({"sim_type": "LJ+Hartree", "rhos": [{"s": 1}] * 2}, "rhos: 2 entries; expected 1"),
        ({"sim_type": "FDBM"}, "rhos"),
        ({"sim_type": "FDBM", "rhos": [_tip()]}, "rho_deltas"),
        ({"sim_type": "FDBM", "rhos": [{"s": 1}], "rho_deltas": [_tip()]}, "TipDensity"),
        (
            {"sim_type": "FDBM", "rhos": [_tip()], "rho_deltas": [_tip()] * 2},
            "rho_deltas: 2 entries; expected 1",
        ),
        ({"rhos": [{"s": 1}], **CHARGED}, r"rhos: given with sim_type LJ\+PC.*or FDBM"),
        ({"rhos": [{"s": 1}]}, "rhos: given with sim_type LJ,"),
        ({"rho_deltas": [_tip()], **CHARGED}, r"rho_deltas: given with sim_type LJ\+PC"),
        ({"density_cutoff": 100.0}, "density_cutoff"),
        ({"n_loader": -1}, "n_loader"),
        ({"samples": 5}, "sample_generator"),
        ({"samples": {"xyzs": 1}}, "sample_generator"),
        ({"iZPPs": [8, 54], **CHARGED}, "Qs: 1 entries; expected 2"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(options, found):
    with pytest.raises(ValueError, match=found):
        small_trainer(**options)


def test_the_cutoff_limits_sample_and_tip_densities():
    options = {"sim_type": "FDBM", "rhos": [_tip(3.0)], "rho_deltas": [_tip(0.5)]}
    samples = Molecules(["g2_H2O"], shape=(16, 16, 16))
    trainer = small_trainer(samples=samples, density_cutoff=0.8, **options)
    assert trainer.rhos[0].array.max() == np.float32(0.8)
    assert trainer.rho_deltas[0].array.max() == np.float32(0.5)
    seen = []
    trainer.on_afm_start = lambda: seen.append(trainer._sample_now["rho_sample"].array.max())
    next(trainer)
    assert seen == [np.float32(0.8)]
    assert samples[0]["rho_sample"].array.max() > 0.9


def test_parameters_of_the_full_density_model_reach_the_simulator():
    options = {"sim_type": "FDBM", "rhos": [_tip()], "rho_deltas": [_tip()]}
    samples = Molecules(["g2_H2O"], shape=(16, 16, 16))
    trainer = small_trainer(samples=samples, **options)
    trainer.set_fdbm_parameters(12.0, 1.2)
    first = next(trainer)[0]
    assert (trainer.afmulator.A_pauli, trainer.afmulator.B_pauli) == (12.0, 1.2)
    afmulator = small_afmulator(A_pauli=12.0, B_pauli=1.2)
    fresh = small_trainer(samples=samples, afmulator=afmulator, **options)
    assert np.array_equal(next(fresh)[0], first)


def test_unnumbered_samples_are_the_same():
    numbered = list(small_trainer(**CHARGED).simulate(0, 3))
    plain = small_trainer(samples=Unnumbered(Molecules(NAMES)), **CHARGED)
    for a, b in zip(numbered, plain.simulate(0, 3), strict=True):
        assert equal_samples(a, b)
    with pytest.raises(AfmConfigError, match="at most 3"):
        list(plain.simulate(2, 4))


class BatchedEngine(NumbaEngine):
    """An engine that takes many scans at once and counts them."""

    batched = True

    def __init__(self):
        super().__init__()
        self.sizes = []

    def scan(self, jobs):
        self.sizes.append(len(jobs))
        return super().scan(jobs)


@pytest.mark.parametrize("own_callback", [False, True])
def test_scans_handed_over_together_give_the_same_samples(own_callback):
    kind = RandomizedGeneral
    if not own_callback:

        class kind(RandomizedGeneral):  # noqa: N801
            on_afm_end = BatchTrainer.on_afm_end

    def made(engine):
        afmulator = small_afmulator()
        afmulator.scanner = Scanner(engine)
        maps = [vdwSpheres((12, 10)), HeightMap(afmulator.scanner), ESMapConstant((12, 10))]
        options = {"sim_type": "LJ+PC", **CO_XE}
        return list(small_trainer(kind, None, maps, afmulator=afmulator, **options).simulate(0, 3))

    engine = BatchedEngine()
    for a, b in zip(made(NumbaEngine()), made(engine), strict=True):
        assert equal_samples(a, b)
    assert engine.sizes == ([1] * 6 if own_callback else [4, 2])


def test_charges_that_do_not_count_cannot_be_varied():
    class Varied(GeneratorAFMtrainer):
        def on_afm_start(self):
            self.randomize_mol_parameters(rndQmax=0.1)

    with pytest.raises(AfmConfigError, match="rndQmax"):
        next(small_trainer(Varied, sim_type="LJ"))
    next(small_trainer(Varied, **CHARGED))
