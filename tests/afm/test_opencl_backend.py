"""Choice of the OpenCL backend, its errors, and what data sets record of it."""

import logging

import h5py
import numpy as np
import pyopencl as cl
import pytest
from afm_finished import FDBM, HARTREE, SMALL, SmallDataset
from afm_opencl import require_device
from afm_scans import sample, small_simulator
from afm_trainers import (
    CO_XE,
    RandomizedInverse,
    equal_samples,
    seed_maps,
    small_afmulator,
    small_trainer,
)

from simlab.afm import scanning
from simlab.afm.errors import AfmPhysicsError
from simlab.afm.kernels import opencl
from simlab.afm.opencl_scanning import OpenCLEngine
from simlab.afm.scanning import NumbaEngine, engine, init_env
from simlab.afm.trainer_base import BatchTrainer
from simlab.core import opencl as core_opencl


@pytest.fixture(autouse=True)
def device(monkeypatch):
    """A device, no platform chosen, nothing compiled before."""
    require_device()
    monkeypatch.setattr(scanning, "_chosen_platform", None)
    yield OpenCLEngine()._device.device
    opencl._opened.cache_clear()


def without_gpu(monkeypatch):
    monkeypatch.setattr(scanning, "gpu_exists", lambda: False)


# --- which engine ---------------------------------------------------------------------------


def test_auto_is_the_cpu_unless_a_gpu_exists(monkeypatch):
    without_gpu(monkeypatch)
    assert isinstance(engine("auto"), NumbaEngine)
    monkeypatch.setattr(scanning, "gpu_exists", lambda: True)
    assert isinstance(engine("auto"), OpenCLEngine)


def test_after_init_env_auto_and_opencl_use_that_platform(monkeypatch, device):
    without_gpu(monkeypatch)
    init_env(cl.get_platforms().index(device.platform))
    for backend in ("auto", "opencl"):
        chosen = small_simulator(backend=backend).scanner.engine
        assert isinstance(chosen, OpenCLEngine)
        assert chosen._device.device.platform == device.platform
    assert isinstance(small_simulator(backend="numba").scanner.engine, NumbaEngine)


def test_a_platform_that_is_not_there_is_an_error_that_lists_those_that_are(device):
    name = device.platform.name.strip()
    with pytest.raises(RuntimeError, match=rf"i_platform: 99; expected one of .*{name}"):
        init_env(99)
    with pytest.raises(RuntimeError, match="i_platform: -1"):
        init_env(-1)


def test_a_chosen_platform_that_cannot_compile_leaves_the_work_to_the_cpu(monkeypatch, caplog):
    def fail(*_):
        raise cl.RuntimeError("error: unknown target CPU")

    init_env(0)
    opencl._opened.cache_clear()
    monkeypatch.setattr(cl, "Program", fail)
    with caplog.at_level(logging.WARNING, logger="simlab.afm"):
        assert isinstance(engine("auto"), NumbaEngine)
    assert len(caplog.records) == 1
    with pytest.raises(AfmPhysicsError, match=r"cannot compile \(error: unknown.*platforms: 0 = "):
        engine("opencl")


@pytest.mark.parametrize("wanted", ["9:9", "0:99", "-1:0", "gpu"])
def test_a_device_that_is_not_there_is_refused_with_the_platforms(wanted, monkeypatch):
    monkeypatch.setenv("SIMLAB_OPENCL_DEVICE", wanted)
    with pytest.raises(
        AfmPhysicsError, match=f"SIMLAB_OPENCL_DEVICE is '{wanted}', expected .*; platforms: 0 = "
    ):
        small_simulator(backend="opencl")


def test_the_variable_chooses_the_device(device, monkeypatch):
    platform = cl.get_platforms().index(device.platform)
    number = device.platform.get_devices().index(device)
    monkeypatch.setenv("SIMLAB_OPENCL_DEVICE", f"{platform}:{number}")
    assert OpenCLEngine()._device.device == device


def test_no_platform_is_no_silent_change(monkeypatch):
    monkeypatch.setattr(cl, "get_platforms", lambda: [])
    with pytest.raises(AfmPhysicsError, match="found no OpenCL platform"):
        small_simulator(backend="opencl")
    assert not core_opencl.gpu_exists()


def test_kernels_do_not_give_accuracy_away(device):
    options = opencl.build_options(device)
    exact = cl.device_fp_config.CORRECTLY_ROUNDED_DIVIDE_SQRT
    assert ("-cl-fp32-correctly-rounded-divide-sqrt" in options) == bool(
        device.single_fp_config & exact
    )
    assert not [option for option in options if "fast" in option or "unsafe" in option]
    assert "FP_CONTRACT OFF" in opencl.source()
    assert "sampler" not in opencl.source()


# --- trainers and shards --------------------------------------------------------------------


class Waiting(RandomizedInverse):
    """Overrides on_afm_end: every scan is done by itself."""


class Together(RandomizedInverse):
    """The callbacks of the seed without on_afm_end."""

    on_afm_end = BatchTrainer.on_afm_end


def trainer(kind, **options):
    afmulator = small_afmulator(backend="opencl")
    options = {**CO_XE, "aux_maps": seed_maps(afmulator), **options}
    return small_trainer(kind, afmulator=afmulator, **options)


def test_batches_give_the_bits_of_single_scans_and_keep_the_order_of_callbacks():
    alone, together = trainer(Waiting, batch_size=3), trainer(Together, batch_size=3)
    expected = list(alone.simulate(0, 3))
    found = list(together.simulate(0, 3))
    assert all(map(equal_samples, found, expected))
    assert together.calls == alone.calls.replace("E", "") == "SAA" * 3


def test_the_scans_of_a_batch_are_handed_over_together(monkeypatch):
    sizes = []
    scan = OpenCLEngine.scan
    monkeypatch.setattr(
        OpenCLEngine, "scan", lambda self, jobs: sizes.append(len(jobs)) or scan(self, jobs)
    )
    list(trainer(Together, batch_size=2))
    assert sizes == [4, 2]


def test_descriptors_are_drawn_by_the_device():
    one = trainer(Together)
    assert {aux_map.maps for aux_map in one.aux_maps} == {one.afmulator.scanner.engine.maps}


def df_of(folder, mapping):
    small = SmallDataset.of(folder, mapping)
    small.make_inputs()
    small.make_shard(small.sizes.shards[0])
    with h5py.File(small.shards()[0]) as file:
        return {**dict(file.attrs), **{key: file[key][:] for key in ("afm", "desc", "flags")}}


KINDS = {"LJ": {**SMALL, "sim_type": "LJ"}, "LJ+PC": SMALL, "LJ+Hartree": HARTREE, "FDBM": FDBM}


@pytest.mark.parametrize("kind", KINDS)
def test_shards_equal_those_of_the_cpu_and_name_the_device(kind, tmp_path, device):
    expected = df_of(tmp_path / "numba", KINDS[kind])
    found = df_of(tmp_path / "opencl", {**KINDS[kind], "backend": "opencl"})
    assert (expected["backend"], expected["device"]) == ("numba", "CPU")
    assert (found["backend"], found["device"]) == ("opencl", device.name.strip())
    difference = np.abs(found["afm"] - expected["afm"])
    assert np.quantile(difference, 0.999) < 0.02
    assert np.median(difference) < 2e-3
    outliers = np.abs(found["desc"] - expected["desc"]) > 2e-3
    assert outliers.mean() <= 1e-3
    np.testing.assert_array_equal(found["flags"], expected["flags"])


def test_one_line_of_a_scan_is_described(device):
    afmulator = small_simulator(backend="opencl")
    afmulator(*sample("bcb"))
    description = afmulator.scanner.engine.description
    assert description == {"backend": "opencl", "device": device.name.strip()}
