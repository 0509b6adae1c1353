"""What a trainer restores: equal samples are equal, whatever came before them."""

import numpy as np
import pytest
from afm_samples import Molecules
from afm_trainers import CO, CO_XE, equal_samples, small_afmulator, small_trainer

from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.general_trainer import GeneratorAFMtrainer
from simlab.afm.simulator import AFMulator
from simlab.afm.trainers import InverseAFMtrainer


def general_afmulator(**options):
    given = {
        "pixPerAngstrome": 5,
        "scan_dim": (6, 5, 12),
        "scan_window": ((0, 0, 0), (8, 7, 1.2)),
        "npbc": (0, 0, 0),
        "backend": "numba",
        **options,
    }
    return AFMulator(**given)


def general(samples, afmulator=None, kind=GeneratorAFMtrainer, **options):
    afmulator = afmulator or general_afmulator(df_steps=4)
    trainer = kind(afmulator, [], samples, **{"batch_size": 2, "distAbove": 3.0, **options})
    return list(trainer.simulate(0, len(samples)))


class DensityOfFirst:
    """Gives the first sample a tip density, just before it is scanned."""

    def on_afm_start(self):
        if self.counter == 0:
            self.afmulator.setRho({"dz2": -0.4})


class InverseOfFirst(DensityOfFirst, InverseAFMtrainer):
    """Of molecules."""


class GeneralOfFirst(DensityOfFirst, GeneratorAFMtrainer):
    """Of any sample."""


def test_a_density_set_for_one_sample_is_not_that_of_the_next():
    plain = list(small_trainer(InverseAFMtrainer, names=("bcb", "benzene")).simulate(0, 2))
    found = list(small_trainer(InverseOfFirst, names=("bcb", "benzene")).simulate(0, 2))
    assert np.abs(found[0].X - plain[0].X).max() > 1e-3
    assert equal_samples(found[1], plain[1])


def test_over_a_potential_too():
    samples = Molecules(["g2_H2O"], shape=(16, 16, 16))
    twice = [samples[0], samples[0]]
    options = {"sim_type": "LJ+Hartree", "Qs": CO["Qs"], "QZs": CO["QZs"]}
    plain = general(twice, **options)
    assert equal_samples(*plain)
    found = general(twice, kind=GeneralOfFirst, **options)
    assert np.abs(found[0].X - plain[0].X).max() > 1e-3
    assert equal_samples(found[1], plain[1])


def test_tips_with_and_without_a_density_are_told_apart_in_every_sample():
    sample = Molecules(["g2_H2O"], shape=(16, 16, 16))[0]
    options = {"sim_type": "LJ+Hartree", **CO_XE, "rhos": [None, {"dz2": -0.4}]}
    first, second, third = general([sample] * 3, **options)
    assert equal_samples(first, second)
    assert equal_samples(first, third)
    del options["rhos"]
    charges = general([sample], **options)[0]
    np.testing.assert_array_equal(first.X[0], charges.X[0])
    assert np.abs(first.X[1] - charges.X[1]).max() > 1e-3


def test_the_simulator_has_its_own_density_back():
    afmulator = small_afmulator(rho={"dz2": -0.4})
    xyz, Zs, qs = np.array([[9.0, 9, 0]]), [8], [0.5]
    before = afmulator(xyz, Zs, qs)
    list(small_trainer(InverseOfFirst, afmulator=afmulator))
    np.testing.assert_array_equal(afmulator(xyz, Zs, qs), before)
    assert afmulator.rho == {"dz2": -0.4}


def test_a_box_of_an_earlier_window_comes_back_as_it_was():
    afmulator = general_afmulator(df_steps=4)
    afmulator.setScanWindow(afmulator.scan_window + np.float64(0.7))
    lvec = afmulator.lvec
    general(Molecules(["g2_H2O", "bcb"]), afmulator)
    np.testing.assert_array_equal(afmulator.lvec, lvec)
    assert afmulator.lvec_is_automatic


class Drawn(GeneratorAFMtrainer):
    """Draws the steps of each oscillation but that of the last sample."""

    low, high = 1, 7

    def on_sample_start(self):
        if self.counter < len(self.sample_generator) - 1:
            self.randomize_df_steps(self.low, self.high)


@pytest.mark.parametrize("amplitude", [0.54, 0.55, 0.6, None])
@pytest.mark.parametrize("df_weights", ["simple", "exact"])
def test_drawn_oscillations_keep_the_number_of_images_and_give_the_amplitude_back(
    df_weights, amplitude
):
    options = {"df_weights": df_weights, "amplitude": amplitude}
    if amplitude is None:
        options["df_steps"] = 1
    afmulator = general_afmulator(**options)
    before = afmulator.amplitude, afmulator.df_steps, afmulator.scan_dim
    samples = Molecules(["g2_H2O"] * 12)
    plain = general(samples, general_afmulator(**options))
    found = general(samples, afmulator, Drawn, seed=3)
    assert len({int(sample.df_steps[0]) for sample in found}) > 3
    assert {sample.X.shape for sample in found} == {plain[0].X.shape}
    # The last one, without a draw, has all of the given oscillation.
    assert equal_samples(found[-1], plain[-1])
    assert (afmulator.amplitude, afmulator.df_steps, afmulator.scan_dim) == before


def test_unusable_parameters_of_the_repulsion_change_neither():
    afmulator = general_afmulator(df_steps=4)
    trainer = GeneratorAFMtrainer(afmulator, [], [])
    with pytest.raises(AfmConfigError, match="B_pauli"):
        trainer.set_fdbm_parameters(12.0, -1)
    assert (afmulator.A_pauli, afmulator.B_pauli) == (18.0, 1.0)


def krypton():
    return {"xyzs": np.zeros((1, 3)), "Zs": [36]}


def test_elements_with_arbitrary_parameters_are_named_once(caplog):
    general([krypton(), krypton()], iZPPs=["Rn"])
    told = [text for text in caplog.messages if "arbitrary" in text]
    assert ["element Kr" in told[0], "element Rn" in told[1], len(told)] == [True, True, 2]
    caplog.clear()
    rows = [[0, 0, 0, 0, 36]]
    trainer = InverseAFMtrainer(small_afmulator(), [], [], molecules=[rows], **CO)
    next(trainer)
    assert sum("element Kr" in text for text in caplog.messages) == 1


def test_strict_simulators_refuse_them():
    with pytest.raises(AfmPhysicsError, match="Zs: element Kr has arbitrary"):
        general([krypton()], general_afmulator(df_steps=4, strict=True))
