"""Scans on an OpenCL device against those of the CPU and the reference."""

import numpy as np
import pytest
from afm_opencl import require_device
from afm_reference import arrays
from afm_scans import (
    NAMES,
    SCANS,
    assert_quantiles,
    periodic_simulator,
    reference_simulator,
    sample,
    small_simulator,
)

from simlab.afm import opencl_scanning
from simlab.afm.errors import AfmPhysicsError
from simlab.afm.forcefields import ForceField
from simlab.afm.kernels.opencl import Device
from simlab.afm.opencl_scanning import OpenCLEngine
from simlab.afm.scanning import NumbaEngine
from simlab.afm.simulator import AFMulator

NEWTON_DF = {0.999: 0.05, 0.99: 0.02, 0.5: 2e-3}
FIRE_DF = {1: 0.05, 0.999: 0.01}

pytestmark = pytest.mark.usefixtures("opencl")


@pytest.fixture
def opencl():
    require_device()


def job_of(afmulator, name="bcb", shift=(0.0, 0.0, 0.0)):
    xyzs, Zs, qs = sample(name)
    afmulator.prepareFF(xyzs + np.array(shift), Zs, qs)
    return afmulator.job()


def jobs_of(*shifts, **options):
    afmulator = small_simulator(**options)
    return [job_of(afmulator, name, shift) for name, shift in zip(NAMES, shifts, strict=False)]


def assert_same_results(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.df, other.df)
        assert (one.n_fallback, one.n_unconverged) == (other.n_fallback, other.n_unconverged)
        assert one.left_box == other.left_box


# --- against the reference ------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_newton_gives_the_images_of_the_original_program(name):
    afmulator = reference_simulator(backend="opencl")
    assert_quantiles(afmulator(*sample(name)) - SCANS[f"{name}_df"], NEWTON_DF)
    assert afmulator.scanner.n_unconverged == 0
    assert not afmulator.scanner.left_box


@pytest.mark.parametrize("name", NAMES)
def test_fire_follows_the_original_program(name):
    afmulator = reference_simulator(backend="opencl", relax="fire")
    assert_quantiles(afmulator(*sample(name)) - SCANS[f"{name}_df"], FIRE_DF)
    forces = afmulator.scanner.downloadFE()
    assert_quantiles(forces[..., 2] - SCANS[f"{name}_Fz"], {1: 5e-4, 0.999: 1e-4})
    assert_quantiles(forces[::5, ::5, :, 3] - SCANS[f"{name}_FE_sub"][..., 3], {1: 5e-4})
    paths = afmulator.scanner.downloadPaths()[::5, ::5]
    assert_quantiles(paths - SCANS[f"{name}_path_sub"], {1: 2e-2, 0.999: 6e-3})


def test_periodic_samples_equal_the_reference():
    afmulator = periodic_simulator(backend="opencl")
    df = afmulator(*sample("pbc"), sample_lvec=SCANS["pbc_lattice"])
    assert_quantiles(df - SCANS["pbc_df"], NEWTON_DF)


def test_the_simulator_of_the_seed_gives_the_reference_images():
    afmulator = AFMulator(
        pixPerAngstrome=10, scan_dim=(128, 128, 19), scan_window=((2, 2, 5), (18, 18, 6.9)),
        df_steps=10, npbc=(0, 0, 0), backend="opencl",
    )  # fmt: skip
    expected = arrays("seed_config_bcb")
    atoms = expected["xyzq"]
    df = afmulator(atoms[:, :3], expected["Z"], atoms[:, 3])
    assert df.shape == (128, 128, 10)
    assert_quantiles(df[..., expected["df_z"]] - expected["df"], NEWTON_DF)


# --- against the CPU ------------------------------------------------------------------------

VARIANTS = {
    "newton": {},
    "fire": {"relax": "fire"},
    "tilted": {"tipR0": (0.3, -0.2, 3.0)},
    "tip charges between grid planes": {"QZs": (0.13, 0, -0.08, 0), "Qs": (-10, 20, -10, 0)},
    "no charges": {"Qs": (0, 0, 0, 0)},
    "exact weights": {"df_weights": "exact"},
    "odd sizes": {"scan_dim": (33, 17, 7), "df_steps": 3},
    "one row": {"scan_dim": (2, 30, 9), "df_steps": 1},
    "turned tip": {"tip_axes": ((0.8, 0, 0.6), (0, 1, 0), (-0.6, 0, 0.8))},
}
SHOVED = (0.5, -0.4, -0.3)


@pytest.mark.parametrize("variant", VARIANTS)
def test_scans_equal_those_of_the_cpu(variant):
    job = job_of(small_simulator(**VARIANTS[variant]), "bcb", SHOVED)
    (expected,), (found,) = NumbaEngine().scan([job]), OpenCLEngine().scan([job])
    bounds = FIRE_DF if job.relax == "fire" else NEWTON_DF
    assert found.df.dtype == np.float32
    assert_quantiles(found.df - expected.df, bounds)
    assert abs(found.n_fallback - expected.n_fallback) <= 2
    assert found.n_unconverged == expected.n_unconverged
    assert found.left_box == expected.left_box


def test_the_fallback_is_taken_where_newton_does_not_end():
    job = job_of(small_simulator(scan_dim=(40, 40, 19)), "bcb", (0, 0, 0.4))
    (expected,), (found,) = NumbaEngine().scan([job]), OpenCLEngine().scan([job])
    assert expected.n_fallback > 2
    assert abs(found.n_fallback - expected.n_fallback) <= 0.3 * expected.n_fallback
    assert_quantiles(found.df - expected.df, NEWTON_DF)


def test_pixels_that_leave_the_usual_part_of_the_grid_are_done_again():
    job = job_of(small_simulator(tipStiffness=(0.02, 0.02, 0, 30)), "bcb", (0, 0, 0.3))
    engines = NumbaEngine(), OpenCLEngine()
    expected, found = (engine.scan([job])[0] for engine in engines)
    far = np.abs(engines[0].relaxed(job)[1] - job.anchors() - job.rest)[..., :2].max()
    assert far > 0.6
    assert np.isfinite(found.df).all()
    assert_quantiles(found.df - expected.df, {0.98: 0.05, 0.5: 2e-3})


@pytest.mark.parametrize("relax", ["newton", "fire"])
def test_particles_that_are_pulled_out_of_the_box_come_to_rest_and_are_marked(relax):
    """A constant force of 87 eV/Å, which the spring holds at 46 Å from the anchor."""

    class Uphill(ForceField):
        def fill(self, start, shape, columns=None, energy=True):
            return np.full((*shape, 4), 50, np.float32)

    job = job_of(small_simulator(relax=relax, scan_dim=(3, 4, 5)))
    object.__setattr__(job, "field", Uphill(job.field.box))
    (expected,), (found,) = NumbaEngine().scan([job]), OpenCLEngine().scan([job])
    for result in (expected, found):
        assert result.left_box
        assert result.n_unconverged == 0
        np.testing.assert_allclose(result.df, 0, atol=1e-3)


@pytest.mark.parametrize("variant", ["newton", "tilted", "turned tip"])
def test_forces_paths_and_heights_equal_those_of_the_cpu(variant):
    job = job_of(small_simulator(**VARIANTS[variant]), "bcb", SHOVED)
    (forces, paths), (fe, places) = (e().relaxed(job) for e in (NumbaEngine, OpenCLEngine))
    assert_quantiles(fe - forces, {1: 5e-4})
    assert_quantiles(places - paths, {0.999: 6e-3})
    for depth in (None, 1.0):
        (zeta, left), (found, out) = (
            e().heights(job, 0.1, 100, depth) for e in (NumbaEngine, OpenCLEngine)
        )
        assert zeta.max() > 5
        assert_quantiles((found - zeta) * job.dz, {1: 1e-4})
        assert out == left


@pytest.mark.parametrize("relax", ["newton", "fire"])
def test_exact_sums_equal_those_of_the_cpu(relax):
    job = job_of(small_simulator(mode="direct", relax=relax), "bcb", SHOVED)
    engines = NumbaEngine(), OpenCLEngine()
    (expected,), (found,) = (engine.scan([job]) for engine in engines)
    np.testing.assert_allclose(found.df, expected.df, atol=1e-4)
    assert (found.n_fallback, found.left_box) == (expected.n_fallback, expected.left_box)
    zeta, again = (engine.heights(job, 0.1, 100)[0] for engine in engines)
    np.testing.assert_allclose(again, zeta, atol=1e-4)
    for one, other in zip(*(engine.relaxed(job) for engine in engines), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_exact_sums_need_double_precision(monkeypatch):
    engine = OpenCLEngine()
    monkeypatch.setattr(engine._device, "has_double", False)
    with pytest.raises(AfmPhysicsError, match="no double precision; expected mode: grid"):
        engine.scan([job_of(small_simulator(mode="direct"))])


# --- batches --------------------------------------------------------------------------------


def test_a_batch_gives_the_bits_of_single_scans_in_any_order():
    jobs = jobs_of(SHOVED, (0, 0, 0), (0.1, 0.2, 0.3))
    alone = [OpenCLEngine().scan([job])[0] for job in jobs]
    engine = OpenCLEngine()
    assert_same_results(engine.scan(jobs), alone)
    assert_same_results(engine.scan(jobs[::-1]), alone[::-1])
    assert_same_results(engine.scan([jobs[1]]), alone[1:2])


def test_scans_of_different_kinds_may_be_mixed():
    kinds = [{}, {"relax": "fire"}, {"mode": "direct"}, {"scan_dim": (5, 9, 8)}, {}]
    jobs = [job_of(small_simulator(**kind), "bcb", SHOVED) for kind in kinds]
    engine = OpenCLEngine()
    assert_same_results(engine.scan(jobs), [OpenCLEngine().scan([job])[0] for job in jobs])


def test_a_batch_that_does_not_fit_the_memory_is_divided(monkeypatch):
    jobs = jobs_of(SHOVED, (0, 0, 0), (0.1, 0.2, 0.3))
    whole = OpenCLEngine().scan(jobs)
    launches = []
    monkeypatch.setattr(Device, "memory", property(lambda self: 1))
    monkeypatch.setattr(
        opencl_scanning,
        "relax",
        lambda *a, relax=opencl_scanning.relax: launches.append(1) or relax(*a),
    )
    assert_same_results(OpenCLEngine().scan(jobs), whole)
    assert len(launches) >= len(jobs)


def test_a_batch_is_one_launch(monkeypatch):
    names = []
    run = Device.run
    monkeypatch.setattr(
        Device, "run", lambda self, name, *rest: names.append(name) or run(self, name, *rest)
    )
    OpenCLEngine().scan(jobs_of((0, 0, -1), (0, 0, -1), (0, 0, -1)))
    assert names == ["ff_lj_pc", "relax_newton_df"]


def test_device_memory_is_used_again():
    engine = OpenCLEngine()
    jobs = jobs_of(SHOVED, (0, 0, 0))
    engine.scan(jobs)
    buffers = dict(engine._device._buffers)
    engine.scan([jobs[1], jobs[0]])
    assert all(engine._device._buffers[name] is buffer for name, buffer in buffers.items())


def test_heights_use_the_forces_of_the_batch(monkeypatch):
    jobs = jobs_of(SHOVED, (0, 0, 0))
    alone = [OpenCLEngine().heights(job, 0.1, 100, 2.0)[0] for job in jobs]
    engine = OpenCLEngine()
    engine.scan(jobs)
    monkeypatch.setattr(engine, "_usual_pieces", None)
    for job, expected in zip(jobs, alone, strict=True):
        np.testing.assert_array_equal(engine.heights(job, 0.1, 100, 2.0)[0], expected)
