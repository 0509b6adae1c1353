import functools

import numpy as np
import pytest

from simlab.core.errors import SimlabError
from simlab.lensing.clusters import make_cluster
from simlab.lensing.errors import LensingConfigError
from simlab.lensing.kernels import opencl
from simlab.lensing.lenses import make_lens
from simlab.lensing.render import can_use_opencl, render_batch, render_raytrace
from simlab.lensing.sampled import sampled_lens
from simlab.lensing.sources import make_source, parse_constellation

SIZE = 70
SIE = make_lens("SIE", einstein_radius=20, ratio=0.6, orientation_deg=35)
GAUSSIAN = make_source("e", sigma=6, sigma2=4, theta_deg=30)
LENSES = {
    "SIS": make_lens("SIS", einstein_radius=20, x=3.25, y=-2),
    "PM": make_lens("PM", einstein_radius=20),
    "SIE": SIE,
    "flat SIE": make_lens("SIE", einstein_radius=25, ratio=0.05, orientation_deg=75),
    "round SIE": make_lens("SIE", einstein_radius=25, ratio=1 - 1e-9, orientation_deg=75),
    "shear": make_lens("Shear", kappa0=0.2, gamma1=0.1, gamma2=-0.3),
    "NFW": make_lens("NFW", kappa_s=0.3, scale_radius=15),
    "cluster": make_cluster([SIE, make_lens("SIS", einstein_radius=9, x=20, y=-7)]),
}


@functools.cache
def reason():
    """Why there is no device; empty where there is one."""
    try:
        opencl.open_raytracer()
    except SimlabError as error:
        return str(error)
    return ""


@pytest.fixture
def device():
    if reason():
        pytest.skip(reason())
    return opencl.open_raytracer()


@pytest.mark.parametrize("name", LENSES)
def test_the_device_traces_the_same_rays(device, name):
    eta, center = 6 - 3.5j, 0.3 + 0.2j
    found = render_raytrace(LENSES[name], GAUSSIAN, eta, SIZE, center=center, backend="opencl")
    expected = render_raytrace(LENSES[name], GAUSSIAN, eta, SIZE, center=center)
    steepest = 255 / 4 * np.exp(-0.5)
    assert np.abs(found - expected).max() < 1e-5 * steepest + 2e-5
    assert expected.max() > 10


@pytest.mark.parametrize(
    "source",
    [
        make_source("SersicEllipsoid", sigma=6, sigma2=3, theta_deg=20, n_sersic=4),
        make_source("SersicSphere", sigma=6, n_sersic=2, clip=False),
        parse_constellation("s/3/4/5;SersicSphere/0/0/5///2/1"),
    ],
    ids=["clipped", "unclipped", "constellation"],
)
def test_the_device_knows_the_same_sources(device, source):
    found = render_raytrace(SIE, source, 4 + 2j, SIZE, supersample=3, backend="opencl")
    expected = render_raytrace(SIE, source, 4 + 2j, SIZE, supersample=3)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_center_of_a_singular_lens_is_black_on_the_device_too(device):
    image = render_raytrace(SIE, make_source("s", sigma=50), 0j, 32, backend="opencl")
    assert image[16, 16] == 0
    assert (image == 0).sum() == 1


def test_batches_are_the_pictures_one_by_one(device, monkeypatch):
    monkeypatch.setattr(opencl, "BATCH", 3)
    views = [(lens, GAUSSIAN, 2 + k - 1j, 0.1j * k) for k, lens in enumerate(LENSES.values())]
    together = render_batch(views, SIZE)
    for image, (lens, source, eta, center) in zip(together, views, strict=True):
        alone = render_raytrace(lens, source, eta, SIZE, center=center, backend="opencl")
        assert (image == alone).all()


def test_what_the_device_cannot_draw_is_drawn_without_it(device):
    triangle, sampled = make_source("t", sigma=9), sampled_lens(SIE, SIZE)
    views = [(SIE, triangle, 2j, 0j), (SIE, GAUSSIAN, 2j, 0j), (sampled, GAUSSIAN, 2j, 0j)]
    assert [can_use_opencl(*view[:2]) for view in views] == [False, True, False]
    images = render_batch(views, SIZE)
    for k in (0, 2):
        assert (images[k] == render_raytrace(*views[k][:3], SIZE)).all()
    assert (images[1] == render_raytrace(SIE, GAUSSIAN, 2j, SIZE, backend="opencl")).all()


def test_the_device_is_opened_once(device):
    assert opencl.open_raytracer() is device
    assert set(device.description) == {"backend", "device"}


def test_without_a_device_the_platforms_are_listed(monkeypatch):
    monkeypatch.setenv("SIMLAB_OPENCL_DEVICE", "99:0")
    with pytest.raises(SimlabError, match=r"SIMLAB_OPENCL_DEVICE is '99:0'.*platforms:"):
        render_raytrace(SIE, GAUSSIAN, 2j, SIZE, backend="opencl")


def test_unknown_backends_are_refused():
    with pytest.raises(LensingConfigError, match="backend is 'cuda', expected numba or opencl"):
        render_raytrace(SIE, GAUSSIAN, 2j, SIZE, backend="cuda")
