"""Frames on an OpenCL device against those of the CPU; PoCL is a device like any other."""

import logging

import numpy as np
import pytest

from simlab.core.errors import PhysicsError, SimlabError
from simlab.ptycho.diffraction import sample_counts
from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.kernels import opencl
from simlab.ptycho.photons import detector_key

cl = pytest.importorskip("pyopencl")


@pytest.fixture(scope="module")
def device():
    try:
        return opencl.open_device()[0]
    except SimlabError as error:
        pytest.skip(str(error))


def scene(n, modes=1, seed=0):
    rng = np.random.default_rng(seed)
    r = np.arange(n) - n // 2
    probe = np.exp(-(r[:, None] ** 2 + r**2) / (n * n / 20)) * np.exp(0.02j * (r[:, None] ** 2 + r))
    probes = np.stack([probe * 0.6**k * np.exp(1j * k * r / 3) for k in range(modes)])
    y, x = np.mgrid[: 3 * n, : 3 * n]
    obj = (1 + 0.3 * np.sin(x / 5)) * np.exp(1j * np.cos(y / 7 + x / 9))
    return obj, probes, *rng.uniform(0, 3 * n, (2, 9))


def both(n, modes=1, **options):
    obj, probes, x, y = scene(n, modes)
    models = [
        ForwardModel(obj, probes, seed=3, nphotons=1e5, backend=backend, **options)
        for backend in ("numba", "opencl")
    ]
    return *models, x, y


def block(model, x, y, photons=1e5, **options):
    power = model.power(x, y)
    scale = np.sqrt(photons / power.mean())
    blocks = list(
        model.frames(x, y, intensity_scale=scale, mean_power=power.mean(), first_frame=6, **options)
    )
    return np.concatenate([b.diff3d for b in blocks]), blocks


@pytest.mark.parametrize("n", [16, 18, 48, 64, 74, 96, 100, 128, 250, 256])
def test_noise_free_amplitudes_equal_those_of_the_cpu(device, n):
    cpu, gpu, x, y = both(n, modes=2)
    expected, found = (np.sqrt(m.expected(x, y)) for m in (cpu, gpu))
    assert np.abs(found - expected).max() < 1e-6 * expected.max()


@pytest.mark.parametrize("subpixel", ["bilinear", "nearest", "fourier"])
def test_patches_equal_those_of_the_cpu(device, subpixel):
    cpu, gpu, x, y = both(32, subpixel=subpixel)
    expected, found = (block(m, x, y)[1][0].patches for m in (cpu, gpu))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(gpu.power(x, y), cpu.power(x, y))


def test_counts_of_given_expectations_equal_those_of_the_cpu(device):
    if not device.double_fp_config:
        pytest.skip("the device has no double precision")
    expected = 10 ** np.random.default_rng(0).uniform(-3, 9.6, (16, 256, 256))
    expected[:, ::9] = 0
    found = opencl.Sampler().sample(expected.reshape(16, -1), detector_key(8), 70)
    wanted = sample_counts(expected, 8, first_frame=70).reshape(16, -1)
    assert np.mean(found != wanted) < 1e-6


@pytest.mark.parametrize(
    "detector",
    [
        {},
        {"background": 0.2, "gaussian_sigma": 1.0, "saturation": 400, "beamstop_diameter": 4},
        {"poisson": False},
        {"dose": "per_pattern"},
        {"dose": {"range": [1e3, 1e5]}},
    ],
)
def test_frames_equal_those_of_the_cpu_but_for_flipped_photons(device, detector):
    cpu, gpu, x, y = both(64, modes=2, detector=detector, measurement="count_intensity")
    wanted, on_cpu = block(cpu, x, y)
    found, on_gpu = block(gpu, x, y)
    assert found.dtype == wanted.dtype
    # a last-place difference of lambda flips an accepted count now and then
    assert np.mean(np.abs(found.astype(float) - wanted) > 1e-5 * (1 + wanted)) < 2e-3
    assert set(on_gpu[0].statistics) == set(on_cpu[0].statistics)
    for key in ("counts_sum", "radial", "patch_max"):
        np.testing.assert_allclose(
            on_gpu[0].statistics[key], on_cpu[0].statistics[key], rtol=1e-3, atol=1
        )
    np.testing.assert_array_equal(gpu.detector_mask, cpu.detector_mask)


def test_frames_do_not_depend_on_the_batch(device):
    _, gpu, x, y = both(48)
    whole, _ = block(gpu, x, y)
    for options in ({"batch": 1}, {"batch": 4, "threads": 2}):
        np.testing.assert_array_equal(block(gpu, x, y, **options)[0], whole)


def test_a_device_without_double_precision_leaves_counting_to_the_cpu(device, monkeypatch):
    cpu, gpu, x, y = both(32, measurement="count_intensity")
    monkeypatch.setattr(opencl.FrameDevice, "counts_photons", False)
    wanted, found = block(cpu, x, y)[0], block(gpu, x, y)[0]
    assert np.mean(found != wanted) < 2e-3


def test_expectations_that_cannot_be_sampled_are_named(device):
    _, gpu, x, y = both(32)
    with pytest.raises(PhysicsError, match=r"frame \d+, pixel \(\d+, \d+\).*nphotons"):
        block(gpu, x, y, photons=1e13)


def test_the_device_is_described(device):
    _, gpu, _, _ = both(16)
    assert gpu.device["backend"] == gpu.device["fft"] == "opencl"
    assert gpu.device["device"] == device.name.strip()
    assert gpu.device["driver"] == device.driver_version.strip()


def test_the_variable_chooses_the_device(device, monkeypatch):
    platform = cl.get_platforms().index(device.platform)
    number = device.platform.get_devices().index(device)
    monkeypatch.setenv("SIMLAB_OPENCL_DEVICE", f"{platform}:{number}")
    assert opencl.open_device()[0] == device


@pytest.mark.parametrize("wanted", ["99:0", "0:99", "-1:0", "gpu", "0"])
def test_a_device_that_is_not_there_is_refused_with_the_platforms(wanted, monkeypatch):
    monkeypatch.setenv("SIMLAB_OPENCL_DEVICE", wanted)
    with pytest.raises(SimlabError, match=f"SIMLAB_OPENCL_DEVICE is '{wanted}'.*platforms"):
        opencl.open_device()


def test_without_a_device_opencl_is_refused_and_auto_takes_the_cpu(monkeypatch, caplog):
    monkeypatch.setattr(cl, "get_platforms", lambda: [])
    obj, probes, _, _ = scene(16)
    with pytest.raises(SimlabError, match=r"no usable device.*platforms: none"):
        ForwardModel(obj, probes, seed=1, nphotons=1.0, backend="opencl")
    with caplog.at_level(logging.INFO, logger="simlab.ptycho"):
        assert opencl.auto_backend() == "numba"
    assert len(caplog.records) == 1


def test_a_device_that_cannot_compile_is_no_device(monkeypatch):
    if not [d for p in cl.get_platforms() for d in p.get_devices()]:
        pytest.skip("no OpenCL platform")

    def fail(*_):
        raise cl.RuntimeError("error: unknown target CPU")

    monkeypatch.setattr(cl, "Program", fail)
    with pytest.raises(SimlabError, match=r"cannot compile \(error: unknown target CPU\).*0 = "):
        opencl.open_device()


@pytest.mark.parametrize("n", [16, 18, 60, 64, 74, 96, 128, 210, 1022, 1024])
def test_the_stages_of_the_transform_multiply_to_its_length(n):
    assert np.prod(opencl.radices(n)) == n
