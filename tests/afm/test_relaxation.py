"""The relaxed probe particle: balance of forces, equal bits whatever else is computed."""

import numba
import numpy as np
import pytest
from afm_scans import assert_quantiles, sample, small_simulator

from simlab.afm import scanning
from simlab.afm.boxes import Box
from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.forcefields import AtomicField
from simlab.afm.scanning import NumbaEngine, ScanJob, engine, init_env, internal_stiffness
from simlab.afm.species import getAtomsREA, loadSpecies

TILTED = [0.2, -0.1, 3.0]
NO_ATOMS = (np.zeros((0, 3)), np.zeros(0, int), None)


def raised(name, height):
    """Reference molecule moved up, Å."""
    xyz, Zs, qs = sample(name)
    return xyz + np.array([0, 0, height]), Zs, qs


def spring_force(afmulator, paths):
    """Force of the spring at relaxed places, by its definition."""
    job = afmulator.scanner.job
    displacement = paths.astype(np.float64) - job.anchors()
    length = np.linalg.norm(displacement, axis=-1, keepdims=True)
    *lateral, radial = -afmulator.tipStiffness / 16.0217662
    R = afmulator.tipR0[2]
    return lateral * (displacement - job.dpos0) + radial * (length - R) / length * displacement


@pytest.mark.parametrize("relax", ["newton", "fire"])
@pytest.mark.parametrize("mode", ["grid", "direct"])
def test_without_a_sample_the_particle_hangs_at_rest(relax, mode):
    afmulator = small_simulator(tipR0=TILTED, relax=relax, mode=mode)
    df = afmulator(*NO_ATOMS)
    assert not df.any()
    assert not afmulator.scanner.downloadFE().any()
    job = afmulator.scanner.job
    np.testing.assert_allclose(
        afmulator.scanner.downloadPaths(), job.anchors() + job.dpos0, atol=2e-6
    )


@pytest.mark.parametrize("mode", ["grid", "direct"])
@pytest.mark.parametrize("relax", ["newton", "fire"])
def test_forces_are_balanced_at_every_point(relax, mode):
    afmulator = small_simulator(tipR0=TILTED, relax=relax, mode=mode)
    afmulator(*sample("PTCDA"))
    field = afmulator.scanner.downloadFE()[..., :3]
    remaining = np.linalg.norm(
        field + spring_force(afmulator, afmulator.scanner.downloadPaths()), axis=-1
    )
    # FIRE on the grid moves on after its last evaluation, up to 1e-3 Å against 1.9 eV/Å².
    assert remaining.max() < (3e-3 if (relax, mode) == ("fire", "grid") else 1e-4)
    assert afmulator.scanner.n_unconverged == 0


def test_threads_do_not_change_a_bit():
    afmulator = small_simulator(scan_dim=(30, 17, 14))
    before = numba.get_num_threads()
    try:
        images = []
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            df = afmulator(*sample("PTCDA"))
            images.append((df, afmulator.scanner.downloadZiso(depth=2.0)))
    finally:
        numba.set_num_threads(before)
    for one, two in zip(*images, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("relax", ["newton", "fire"])
def test_pixels_that_leave_the_computed_part_are_done_again_with_the_same_bits(monkeypatch, relax):
    afmulator = small_simulator(relax=relax)
    expected = afmulator(*raised("PTCDA", 0.4))
    monkeypatch.setattr(scanning, "BELOW", np.zeros(3))
    monkeypatch.setattr(scanning, "ABOVE", np.zeros(3))
    calls = []
    original = scanning.cut
    monkeypatch.setattr(scanning, "cut", lambda *a, **k: calls.append(a) or original(*a, **k))
    np.testing.assert_array_equal(afmulator(*raised("PTCDA", 0.4)), expected)
    assert len(calls) > 1


def test_a_pixel_is_the_same_alone_and_among_others():
    afmulator = small_simulator(scan_dim=(5, 17, 14))
    whole = afmulator(*sample("PTCDA"))
    (low, high), pitch = afmulator.scan_window, 8 / 16
    afmulator.setScanWindow(
        [[6, low[1] + 4 * pitch, 5], [14, low[1] + 12 * pitch, high[2]]], (5, 9, 14)
    )
    part = afmulator(*sample("PTCDA"))
    np.testing.assert_array_equal(part, whole[:, 4:13])


def test_points_that_newton_does_not_reach_are_left_to_fire_and_counted():
    afmulator = small_simulator(scan_dim=(40, 40, 14), tipStiffness=[0.02, 0.02, 0, 30])
    df = afmulator(*raised("PTCDA", 0.3))
    assert afmulator.scanner.n_fallback > 0
    assert np.isfinite(df).all()


def test_a_probe_inside_an_atom_is_counted_as_unconverged():
    afmulator = small_simulator(
        scan_dim=(3, 3, 5), df_steps=2, scan_window=((9, 9, 5), (10, 10, 5.5))
    )
    xyz = np.array([[9.5, 9.5, 2.2], [9.5, 9.5, 2.4]])
    afmulator(xyz, [6, 6], None)
    assert afmulator.scanner.n_unconverged > 0


def test_a_probe_that_leaves_the_box_is_reported_unless_the_axis_is_periodic():
    lvec = [[4, 4, 0], [10, 0, 0], [0, 10, 0], [0, 0, 8]]
    window = ((3, 6, 5), (13, 13, 6.4))
    closed = small_simulator(lvec=lvec, scan_window=window)
    closed(*sample("bcb"))
    assert closed.scanner.left_box
    open_ = small_simulator(lvec=lvec, scan_window=window, npbc=(1, 0, 0))
    open_(*sample("bcb"))
    assert not open_.scanner.left_box


@pytest.mark.parametrize("mode", ["grid", "direct"])
def test_a_tip_from_the_side_sees_what_an_upright_tip_sees_of_a_turned_sample(mode):
    turn = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # rows: x', y', z' = z, x, y
    xyz, Zs, qs = sample("bcb")
    REAs = getAtomsREA(8, Zs, loadSpecies())
    tip = {"Qs": [-0.4, 0, 0, 0], "QZs": [0, 0, 0, 0]}
    window = np.array([[6, 6, 5], [14, 14, 6.4]])
    frame = Box.from_lvec([[2, 2, -2], [16, 0, 0], [0, 16, 0], [0, 0, 12]], 10)
    turned = Box(frame.origin @ turn, frame.cell @ turn, frame.shape)
    jobs = []
    for box, atoms, axes in ((frame, xyz, np.eye(3)), (turned, xyz @ turn, turn)):
        field = AtomicField(box, atoms, REAs, qs, tip["Qs"], tip["QZs"])
        corner = window[0].copy()
        corner[2] = window[1, 2]
        corner = corner @ axes
        size = window[1] - window[0]
        # The window of a turned tip begins at its own corner and keeps its sizes.
        low = np.array([corner[0], corner[1], corner[2] - size[2]])
        jobs.append(
            ScanJob(field, np.array([low, low + size]), (12, 11, 14), np.array([0.1, 0, -2.998]),
                    internal_stiffness([0.25, 0.25, 0, 30]), axes, np.array([1.0, -1.0]), mode=mode)
        )  # fmt: skip
    upright, sideways = NumbaEngine().scan(jobs)
    assert np.abs(upright.df).max() > 1e-3
    np.testing.assert_allclose(sideways.df, upright.df, atol=2e-5)
    heights = [NumbaEngine().heights(job, 0.05)[0] for job in jobs]
    np.testing.assert_allclose(heights[1], heights[0], atol=2e-2)
    assert (heights[0] > 0).any()


def test_strokes_of_limited_depth_find_all_that_lies_above():
    afmulator = small_simulator(scan_dim=(40, 40, 14))
    afmulator(*sample("PTCDA"))
    every = afmulator.scanner.downloadZiso()
    some = afmulator.scanner.downloadZiso(depth=1.0)
    upper = every[every > 0].min()
    seen = (every > 0) & ((every - upper) * afmulator.dz <= 1.0)
    np.testing.assert_array_equal(some[seen], every[seen])
    assert ((some == every) | (some == -1)).all()
    assert (some > 0).sum() < (every > 0).sum()


def test_strokes_through_exact_sums_differ_by_the_error_of_interpolation():
    grid, direct = (
        small_simulator(scan_dim=(20, 20, 14), mode=mode) for mode in ("grid", "direct")
    )
    depths = []
    for afmulator in (grid, direct):
        afmulator(*sample("PTCDA"))
        depths.append(afmulator.scanner.downloadZiso() * afmulator.dz)
    hit = (depths[0] > 0) & (depths[1] > 0)
    assert hit.any()
    assert_quantiles((depths[0] - depths[1])[hit], {0.5: 0.007, 0.99: 0.03})


def test_paths_follow_the_tip_down():
    afmulator = small_simulator()
    afmulator(*sample("bcb"))
    z = afmulator.scanner.downloadPaths()[..., 2]
    np.testing.assert_allclose(np.diff(z, axis=2), -afmulator.dz, atol=0.05)


@pytest.mark.parametrize("key", ["relax", "mode"])
def test_unknown_methods_are_refused(key):
    with pytest.raises(AfmConfigError, match=f"{key}: 'best'"):
        small_simulator(**{key: "best"})


def test_unknown_backends_are_refused():
    with pytest.raises(AfmConfigError, match="'cuda'; expected auto, numba or opencl"):
        engine("cuda")


def test_without_opencl_numba_is_used_and_said(monkeypatch, caplog):
    monkeypatch.setattr(scanning, "opencl_platforms", lambda: [])
    init_env(0)
    assert "no OpenCL platform" in caplog.text
    assert isinstance(engine("auto"), NumbaEngine)
    with pytest.raises(AfmPhysicsError, match="found no OpenCL platform"):
        engine("opencl")


def test_a_platform_that_is_not_there_is_an_error_that_lists_those_that_are(monkeypatch):
    class Platform:
        name = "Portable "

    monkeypatch.setattr(scanning, "opencl_platforms", lambda: [Platform()])
    with pytest.raises(RuntimeError, match="i_platform: 3; expected one of 0: Portable"):
        init_env(3)


def test_results_before_a_scan_are_errors():
    afmulator = small_simulator()
    for ask in ("downloadFE", "downloadPaths", "downloadZiso"):
        with pytest.raises(AfmPhysicsError, match="call the AFMulator first"):
            getattr(afmulator.scanner, ask)()
