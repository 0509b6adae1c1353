import math
from decimal import Decimal

import numpy as np
import pytest

from simlab.calcium.activity import (
    calcium_kernel,
    draw_activity,
    kernel_timing,
    tau_from_kernel_timing,
)
from simlab.calcium.errors import SpecError
from simlab.calcium.spec import Acquisition, CellActivity


def activity_of(step, n, seed=0, fps=20.0, duration_s=4.0):
    acquisition = Acquisition(fps=fps, duration_s=duration_s)
    return draw_activity(step, acquisition, n, np.random.default_rng(seed))


def activity_by_convolution(step, n, seed, fps, n_frames):
    """The definition, step by step, with numpy alone."""
    rng = np.random.default_rng(seed)
    bins = max(round(step.spike_sim_hz / fps), 1)
    rate = bins * fps
    kernel = calcium_kernel(step.tau_rise_s, step.tau_decay_s, rate)
    pad = math.ceil(6 * step.tau_decay_s * fps)
    gain = np.ones(n)
    if step.brightness_cv > 0:
        s = math.sqrt(math.log(1 + step.brightness_cv**2))
        gain = np.exp(rng.normal(-(s**2) / 2, s, n))
    start, stop = step.p_quiescent_to_active, step.p_active_to_quiescent
    now, states = rng.random(n) < start / (start + stop), []
    for _ in range(n_frames + pad):
        u = rng.random(n)
        now = np.where(now, u >= stop, u < start)
        states.append(now)
    C, S = [], []
    for i in range(n):
        rates = np.where([s[i] for s in states], step.active_rate_hz, step.quiescent_rate_hz)
        train = rng.random(len(states) * bins) < np.repeat(np.minimum(rates / rate, 1), bins)
        clean = np.convolve(train.astype(float), kernel)[: len(train)]
        trace = gain[i] * (step.f0 + clean.reshape(-1, bins).mean(axis=1)[pad:])
        S.append(train.reshape(-1, bins).sum(axis=1)[pad:])
        if step.trace_noise > 0:
            trace = trace + rng.normal(0.0, step.trace_noise, n_frames)
        C.append(trace)
    return np.array(C), np.array(S), gain, rng


STEPS = {
    "defaults": CellActivity(),
    "noise": CellActivity(trace_noise=0.2, brightness_cv=0.0),
    "one bin a frame": CellActivity(spike_sim_hz=1.0, tau_decay_s=0.06, tau_rise_s=0.001),
    "always bursting": CellActivity(p_quiescent_to_active=0.9, active_rate_hz=1e4, f0=0.0),
    "long kernel": CellActivity(tau_rise_s=0.29, tau_decay_s=0.3, p_quiescent_to_active=0.1),
    "equal times": CellActivity(tau_rise_s=0.3 * (1 - 1e-12), tau_decay_s=0.3),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("fps", [20.0, 33.3])
def test_activity_is_that_of_the_definition(name, fps):
    step = STEPS[name]
    found_rng = np.random.default_rng(4)
    found = draw_activity(step, Acquisition(fps=fps, duration_s=3.0), 7, found_rng)
    n_frames = round(3.0 * fps)
    C, S, gain, rng = activity_by_convolution(step, 7, 4, fps, n_frames)
    np.testing.assert_array_equal(found.S, S)
    assert found.S.dtype == np.uint16
    np.testing.assert_allclose(found.C, C, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.gain, gain, rtol=1e-12)
    assert found_rng.bit_generator.state == rng.bit_generator.state


def test_the_kernel_peaks_where_it_should_and_has_the_area_it_should():
    rise, decay, fps = 0.05, 0.5, 1e5
    kernel = calcium_kernel(rise, decay, fps)
    assert kernel.max() == 1.0
    peak = math.log(decay / rise) * decay * rise / (decay - rise)
    assert np.argmax(kernel) / fps == pytest.approx(peak, abs=1 / fps)
    height = math.exp(-peak / decay) - math.exp(-peak / rise)
    cut = math.exp(-5) * decay
    assert kernel.sum() / fps == pytest.approx((decay - rise - cut) / height, rel=1e-4)


def test_nearly_equal_times_cancel_no_digits():
    rise, decay, fps = 0.499999, 0.5, 20.0
    exact = [
        (-Decimal(i) / Decimal(fps) / Decimal(decay)).exp()
        - (-Decimal(i) / Decimal(fps) / Decimal(rise)).exp()
        for i in range(50)
    ]
    expected = [float(sample / max(exact)) for sample in exact]
    np.testing.assert_allclose(calcium_kernel(rise, decay, fps), expected, rtol=1e-13)


def test_traces_of_nearly_equal_times_cancel_no_digits():
    step = CellActivity(tau_rise_s=0.499999, tau_decay_s=0.5, f0=0.0)
    found = activity_of(step, 5)
    expected = activity_by_convolution(step, 5, 0, 20.0, 80)[0]
    np.testing.assert_allclose(found.C, expected, rtol=1e-12, atol=1e-14)


def test_timing_of_a_kernel_is_that_of_its_samples():
    peak, width = kernel_timing(0.05, 0.5)
    kernel = calcium_kernel(0.05, 0.5, 1e5)
    assert np.argmax(kernel) / 1e5 == pytest.approx(peak, abs=1e-5)
    assert (kernel >= 0.5).sum() / 1e5 == pytest.approx(width, abs=3e-5)


@pytest.mark.parametrize("taus", [(0.001, 1.0), (0.05, 0.5), (0.3, 0.31)])
def test_timing_and_time_constants_are_inverse(taus):
    assert tau_from_kernel_timing(*kernel_timing(*taus)) == pytest.approx(taus, rel=1e-6)


def test_impossible_timings_give_the_nearest_kernel():
    rise, decay = tau_from_kernel_timing(10.0, 1.0)
    assert rise / decay == pytest.approx(1 - 1e-6)
    rise, decay = tau_from_kernel_timing(1e-9, 1.0)
    assert rise / decay == pytest.approx(1e-4)


@pytest.mark.parametrize("taus", [(0.5, 0.5), (0.6, 0.5), (0.0, 0.5), (-1.0, 0.5), (0.1, math.nan)])
def test_timing_needs_a_rise_that_is_faster_than_the_decay(taus):
    with pytest.raises(SpecError, match="expected 0 < tau_rise_s < tau_decay_s"):
        kernel_timing(*taus)


@pytest.mark.parametrize("timing", [(0.0, 1.0), (1.0, -1.0), (math.nan, 1.0)])
def test_times_of_a_kernel_are_positive(timing):
    with pytest.raises(SpecError, match=r"fwhm_s = .*; expected > 0"):
        tau_from_kernel_timing(*timing)


def test_a_kernel_that_is_never_positive_is_an_error():
    with pytest.raises(SpecError, match=r"tau_rise_s = 1e-05, tau_decay_s = 2e-05 at 20 samples/s"):
        calcium_kernel(1e-5, 2e-5, 20.0)


def test_the_shortest_kernel_has_two_samples():
    np.testing.assert_allclose(calcium_kernel(0.0001, 0.01, 20.0), [0.0, 1.0])


def test_silent_cells_rest_at_their_baseline():
    step = CellActivity(quiescent_rate_hz=0.0, p_quiescent_to_active=1e-12, f0=1.5)
    found = activity_of(step, 5)
    assert not found.S.any()
    np.testing.assert_array_equal(found.C, np.repeat(1.5 * found.gain[:, None], 80, axis=1))


def test_cells_spike_at_the_stationary_rate():
    step, fps = CellActivity(), 20.0
    active = 0.005 / 0.305
    expected = active * 150.0 + (1 - active) * 0.6
    assert expected == pytest.approx(3.049, abs=5e-4)
    rates = [activity_of(step, 400, seed).S.mean() * fps for seed in range(12)]
    error = np.std(rates, ddof=1) / math.sqrt(12)
    assert abs(np.mean(rates) - expected) < 5 * error
    assert error < 0.05 * expected


def test_mean_calcium_follows_the_spikes():
    step, fps = CellActivity(brightness_cv=0.0), 20.0
    found = activity_of(step, 400, duration_s=60.0)
    area = calcium_kernel(step.tau_rise_s, step.tau_decay_s, 300.0).sum() / 300.0
    assert found.C.mean() == pytest.approx(1.0 + found.S.mean() * fps * area, rel=0.01)


def test_brightness_has_mean_one_and_the_spread_asked_for():
    gain = activity_of(CellActivity(brightness_cv=0.3), 20000, duration_s=0.05).gain
    assert gain.mean() == pytest.approx(1.0, abs=5 * 0.3 / math.sqrt(20000))
    assert gain.std() == pytest.approx(0.3, rel=0.05)


def test_trace_noise_adds_its_variance():
    quiet = {"quiescent_rate_hz": 0.0, "p_quiescent_to_active": 1e-12, "brightness_cv": 0.0}
    found = activity_of(CellActivity(trace_noise=0.25, **quiet), 50, duration_s=20.0)
    assert found.C.std() == pytest.approx(0.25, rel=0.03)
    assert found.C.mean() == pytest.approx(1.0, abs=0.01)


def test_no_cells_have_no_activity():
    rng = np.random.default_rng(0)
    found = draw_activity(CellActivity(), Acquisition(duration_s=1.0), 0, rng)
    assert found.C.shape == found.S.shape == (0, 20)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
