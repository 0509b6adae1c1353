import json

import numpy as np
import pytest
from afm_reference import arrays, molecule, paths, within
from afm_trainers import (
    CO,
    CO_XE,
    RandomizedInverse,
    equal_samples,
    seed_global_generators,
    seed_maps,
    small_afmulator,
    small_trainer,
)

from simlab.afm.rotations import rotation_matrix, sphereTangentSpace
from simlab.afm.simulator import AFMulator
from simlab.afm.trainers import InverseAFMtrainer
from simlab.core.random import generator

REFERENCE = arrays("generator_inverse")
# Largest difference in Hz: all, 99.9 %, 99 %, half of the values.
TOLERANCES = {
    "fire": {1.0: 0.05, 0.999: 0.01},
    "newton": {0.999: 0.05, 0.99: 0.02, 0.5: 2e-3},
}


@pytest.fixture(scope="module", params=["fire", "newton"])
def end_to_end(request):
    """The batches of the reference in legacy mode: (relax, trainer, list of batches)."""
    afmulator = AFMulator(
        pixPerAngstrome=10,
        scan_dim=(32, 30, 14),
        scan_window=((3, 3, 5), (15, 14, 6.4)),
        df_steps=6,
        npbc=(0, 0, 0),
        relax=request.param,
        backend="numba",
    )
    seed_global_generators(int(REFERENCE["seed"]))
    trainer = RandomizedInverse(
        afmulator,
        seed_maps(afmulator),
        paths(*json.loads(str(REFERENCE["mols"]))),
        batch_size=4,
        distAbove=4.5,
        rng="legacy",
        **CO_XE,
    )
    trainer.augment_with_rotations_entropy(sphereTangentSpace(20), 2)
    trainer.shuffle_molecules()
    return request.param, trainer, list(trainer)


def test_draws_and_order_of_callbacks_equal_the_reference(end_to_end):
    _, trainer, batches = end_to_end
    assert len(trainer) == len(batches) == 2
    assert trainer.calls == str(REFERENCE["call_log"])
    np.testing.assert_allclose(
        trainer.drawn, REFERENCE["rec_distAbove_tipR0"], rtol=1e-12, atol=1e-12
    )


def test_placed_molecules_equal_the_reference(end_to_end):
    for k, (_, _, mols) in enumerate(end_to_end[2]):
        assert mols.dtype == object
        assert mols.ndim == 1
        for i, mol in enumerate(mols):
            np.testing.assert_allclose(mol, REFERENCE[f"b{k}_mol{i}"], rtol=1e-12, atol=1e-12)
        assert f"b{k}_mol{len(mols)}" not in REFERENCE


def test_images_of_both_tips_equal_the_reference(end_to_end):
    relax, _, batches = end_to_end
    for k, (Xs, _, _) in enumerate(batches):
        for tip, images in enumerate(Xs):
            expected = REFERENCE[f"b{k}_X{tip}"]
            assert images.dtype == np.float32
            assert images.shape == expected.shape
            for share, limit in TOLERANCES[relax].items():
                assert within(images, expected, limit, share)


def test_descriptors_equal_the_reference(end_to_end):
    for k, (_, Ys, _) in enumerate(end_to_end[2]):
        assert len(Ys) == 5
        limits = ((5e-5, 0.999), (1e-5, 1), (2e-3, 0.999), (1e-5, 1), (1e-5, 1))
        for i, (limit, share) in enumerate(limits):
            assert Ys[i].dtype == np.float32
            assert within(Ys[i], REFERENCE[f"b{k}_Y{i}"], limit, share)


def test_the_last_batch_is_smaller_and_len_counts_it():
    trainer = small_trainer()
    batches = list(trainer)
    assert len(trainer) == len(batches) == 2
    assert [len(mols) for _, _, mols in batches] == [2, 1]
    assert trainer.calls == "BSAESAEBSAE"
    for Xs, _, mols in batches:
        assert Xs[0].shape == (len(mols), 12, 10, 5)


def test_every_epoch_gives_the_same_batches_from_unmoved_molecules():
    trainer = small_trainer()
    stored = [rows.copy() for rows in trainer.molecules]
    first, second = list(trainer), list(trainer)
    for (X1, _, m1), (X2, _, m2) in zip(first, second, strict=True):
        assert np.array_equal(X1[0], X2[0])
        assert all(np.array_equal(a, b) for a, b in zip(m1, m2, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(stored, trainer.molecules, strict=True))


def test_next_continues_and_iter_begins_again():
    trainer = small_trainer()
    a = next(trainer)[2]
    b = next(trainer)[2]
    assert (len(a), len(b)) == (2, 1)
    with pytest.raises(StopIteration):
        next(trainer)
    iter(trainer)
    assert np.array_equal(next(trainer)[2][0], a[0])


def test_batches_hold_what_simulate_gives_whatever_their_size():
    whole = list(small_trainer(**_with_maps()).simulate(0, 3))
    for size in (1, 2):
        trainer = small_trainer(batch_size=size, **_with_maps())
        for k, (Xs, Ys, mols) in enumerate(trainer):
            for i in range(len(mols)):
                sample = whole[k * size + i]
                assert np.array_equal(Xs[0][i], sample.X[0])
                assert np.array_equal(mols[i], sample.mol)
                for Y, expected in zip(Ys, sample.Y, strict=True):
                    assert np.array_equal(Y[i], expected)


def _with_maps():
    afmulator = small_afmulator()
    return {"afmulator": afmulator, "aux_maps": seed_maps(afmulator)}


def test_samples_do_not_depend_on_what_was_simulated_before():
    trainer = small_trainer(**CO_XE)
    whole = list(trainer.simulate(0, 3))
    (alone,) = trainer.simulate(2, 3)
    assert equal_samples(alone, whole[2])
    cut = small_trainer(names=("bcb",), sample_offset=2, **CO_XE)
    (offset,) = cut.simulate(0, 1)
    assert equal_samples(offset, whole[2])


def test_samples_draw_from_the_stream_of_their_number():
    trainer = small_trainer(seed=5, sample_offset=40)
    sample = list(trainer.simulate(0, 3))[1]
    rng = generator(5, "afm.sample", 41)
    assert sample.distAbove[0] == rng.uniform(3.8, 4.2)
    u1, u2 = rng.random(2)
    tilt = 0.3 * np.sqrt(u1) * np.array([np.cos(2 * np.pi * u2), np.sin(2 * np.pi * u2)])
    np.testing.assert_allclose(sample.tipR0[0], [*tilt, 3], rtol=1e-14)


def test_samples_tell_how_they_were_made():
    afmulator = small_afmulator()
    sample = next(small_trainer(afmulator=afmulator, **CO_XE).simulate(0, 1))
    assert sample.X.shape == (2, 12, 10, 5)
    assert sample.X.dtype == np.float32
    assert sample.mol.shape == (5, 5)
    assert np.array_equal(sample.scan_windows, [afmulator.scan_window] * 2)
    assert sample.distAbove.shape == (2,)
    assert sample.tipR0.shape == (2, 3)
    assert sample.df_steps.tolist() == [4, 4]
    assert (sample.n_fallback, sample.n_unconverged) >= (0, 0)
    assert sample.left_box is False
    assert sample.height_missed is False


def test_the_height_is_the_distance_drawn_for_the_last_tip():
    sample = next(small_trainer(names=("bcb",), **CO_XE).simulate(0, 1))
    trainer = small_trainer(names=("bcb",), iZPPs=[54], Qs=[[0] * 4], QZs=[[0] * 4])
    xenon = next(trainer.simulate(0, 1))
    np.testing.assert_allclose(sample.mol, xenon.mol, rtol=1e-12, atol=1e-12)
    oxygen = next(small_trainer(names=("bcb",)).simulate(0, 1))
    assert sample.mol[0, 2] < oxygen.mol[0, 2] - 0.3


def test_distance_from_the_bottom_is_that_from_the_top_less_the_depth():
    class Plain(InverseAFMtrainer):
        pass

    top = next(small_trainer(Plain, distAbove=4.0).simulate(0, 1))
    bottom = next(small_trainer(Plain, distAbove=3.2, distance_reference="bottom").simulate(0, 1))
    np.testing.assert_allclose(top.mol, bottom.mol, rtol=1e-12, atol=1e-12)


def test_ignored_elements_do_not_count_for_the_placement():
    counted = next(small_trainer(names=("bcb",), ignore_elements=["Br", 17, 1]).simulate(0, 1))
    carbon = counted.mol[:, 4] == 6
    np.testing.assert_allclose(counted.mol[carbon, :2].mean(axis=0), [8, 7.5], rtol=1e-12)


def test_rotations_multiply_the_molecules_in_order():
    trainer = small_trainer(names=("formic_acid", "bcb"))
    rotations = [np.eye(3), rotation_matrix((0, 0, 1), 1.0), rotation_matrix((1, 0, 0), 2.0)]
    trainer.augment_with_rotations(rotations)
    assert [len(rows) for rows in trainer.molecules] == [5, 5, 5, 12, 12, 12]
    xyz = molecule("bcb")[0]
    np.testing.assert_allclose(trainer.molecules[4][:, :3], xyz @ rotations[1].T, atol=1e-12)
    assert len(trainer) == 3


def test_the_best_rotations_come_in_falling_entropy():
    trainer = small_trainer(names=("PTCDA",))
    rotations = sphereTangentSpace(50)
    trainer.augment_with_rotations_entropy(rotations, 4)
    assert len(trainer.molecules) == 4
    xyz = molecule("PTCDA")[0]
    depth = [(rows[:, 2] - rows[:, 2].max()) for rows in trainer.molecules]
    entropy = np.array([np.exp(d).sum() for d in depth])
    assert (np.diff(entropy) <= 1e-9).all()
    everything = [np.exp(h - h.max()).sum() for h in (rotations[:, 2] @ xyz.T)]
    np.testing.assert_allclose(entropy, np.sort(everything)[::-1][:4], rtol=1e-12)


def test_shuffling_is_the_permutation_of_the_plan():
    trainer = small_trainer(seed=9)
    trainer.augment_with_rotations(sphereTangentSpace(5))
    before = list(trainer.molecules)
    trainer.shuffle_molecules()
    order = generator(9, "afm.plan", 0).permutation(15)
    assert all(trainer.molecules[k] is before[o] for k, o in enumerate(order))


def test_molecules_can_be_given_in_place_of_files():
    files = list(small_trainer().simulate(0, 3))
    molecules = small_trainer().molecules
    given = RandomizedInverse(
        small_afmulator(), [], [], batch_size=2, distAbove=4.0, molecules=molecules, **CO
    )
    molecules[0][:] = 0
    for a, b in zip(files, given.simulate(0, 3), strict=True):
        assert equal_samples(a, b)


def test_legacy_mode_alone_touches_the_global_generators():
    def global_state_after(rng):
        seed_global_generators(3)
        trainer = small_trainer(rng=rng)
        trainer.shuffle_molecules()
        next(trainer)
        return np.random.random()

    seed_global_generators(3)
    untouched = np.random.random()
    assert global_state_after("philox") == untouched
    assert global_state_after("legacy") != untouched


def test_asking_for_more_samples_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="at most 3"):
        list(small_trainer().simulate(1, 5))
