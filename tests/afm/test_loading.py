import gc
import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest
from afm_samples import Counting, Molecules, Unnumbered
from afm_trainers import CO, equal_samples, small_afmulator

from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.general_trainer import GeneratorAFMtrainer
from simlab.afm.loading import in_order, prefetched

NAMES = ("formic_acid", "g2_H2O", "bcb", "g2_NH3", "g2_PH3")
SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture(autouse=True)
def nothing_stays_behind():
    """Neither workers nor shared memory outlive an iteration."""
    before = set(SHARED_MEMORY.iterdir())
    yield
    gc.collect()
    assert not multiprocessing.active_children()
    assert not [path for path in set(SHARED_MEMORY.iterdir()) - before if "psm_" in path.name]


def trainer_of(samples, **options):
    afmulator = small_afmulator()
    arguments = {"sim_type": "LJ+PC", "Qs": CO["Qs"], "QZs": CO["QZs"], "batch_size": 2}
    return GeneratorAFMtrainer(afmulator, [], samples, **{**arguments, **options})


def test_prefetched_samples_are_those_of_this_process_in_order():
    samples = Molecules(NAMES, shape=(9, 8, 7))
    for made, expected in zip(prefetched(samples, 2), in_order(samples), strict=True):
        assert made.keys() == expected.keys()
        assert np.array_equal(made["xyzs"], expected["xyzs"])
        assert type(made["qs"]) is type(expected["qs"])
        for grid in ("qs", "rho_sample"):
            assert np.array_equal(made[grid].array, expected[grid].array)
            assert np.array_equal(made[grid].lvec, expected[grid].lvec)


@pytest.mark.parametrize("kind", [Molecules, lambda names: Unnumbered(Molecules(names))])
def test_batches_with_workers_have_the_same_bits(kind):
    alone = list(trainer_of(kind(NAMES)))
    trainer = trainer_of(kind(NAMES), n_loader=2)
    for (X1, _, m1, w1), (X2, _, m2, w2) in zip(alone, trainer, strict=True):
        assert np.array_equal(X1, X2)
        assert np.array_equal(w1, w2)
        assert all(np.array_equal(a, b) for a, b in zip(m1, m2, strict=True))


def test_prefetching_begins_at_the_sample_asked_for():
    expected = list(trainer_of(Molecules(NAMES)).simulate(2, 4))
    trainer = trainer_of(Molecules(NAMES), n_loader=2)
    for a, b in zip(expected, trainer.simulate(2, 4), strict=True):
        assert equal_samples(a, b)


def test_workers_end_when_the_consumer_stops():
    trainer = trainer_of(Molecules(NAMES * 20, delay=0.01), n_loader=2)
    for _ in trainer:
        assert len(multiprocessing.active_children()) == 2
        break
    gc.collect()
    assert not multiprocessing.active_children()
    next(trainer)
    assert multiprocessing.active_children()
    trainer.close()
    assert not multiprocessing.active_children()


def test_no_more_samples_wait_than_twice_the_workers(tmp_path):
    made = prefetched(Counting(tmp_path), 1)
    next(made)
    time.sleep(1.5)
    # One handed over, two waiting, one in the hands of the worker.
    assert len(list(tmp_path.iterdir())) <= 4
    made.close()


def test_an_error_of_a_worker_arrives_at_its_sample():
    made = prefetched(Molecules(NAMES, fail_at=3), 2)
    assert sum(1 for _ in zip(range(3), made, strict=False)) == 3
    with pytest.raises(FileNotFoundError, match="no grid of sample 3"):
        next(made)


def test_the_death_of_a_worker_is_told():
    with pytest.raises(AfmPhysicsError, match="exit status 7"):
        list(prefetched(Molecules(NAMES, die_at=1), 2))


def test_samples_that_cannot_be_sent_to_workers_are_refused():
    trainer = trainer_of((sample for sample in Molecules(NAMES)), n_loader=1)
    with pytest.raises(AfmConfigError, match="n_loader=0"):
        next(trainer)
