from types import SimpleNamespace

import numpy as np
import pytest

from simlab.core.random import generator
from simlab.lensing.observation import observe


def observation(psf_fwhm=0.0, sky=0.0, gain=None, read_noise=0.0):
    return SimpleNamespace(psf_fwhm=psf_fwhm, sky=sky, gain=gain, read_noise=read_noise)


def stream():
    return generator(3, "lensing.noise", 7)


def test_a_point_becomes_the_psf():
    image = np.zeros((61, 61), np.float32)
    image[30, 30] = 1000
    seen = observe(image, observation(psf_fwhm=6), stream())
    assert seen.sum() == pytest.approx(1000, rel=1e-5)
    assert seen[30, 33] == pytest.approx(seen[30, 30] / 2, rel=1e-5)
    assert seen[27, 30] == pytest.approx(seen[30, 30] / 2, rel=1e-5)


def test_colors_are_blurred_apart():
    image = np.zeros((31, 31, 3), np.float32)
    image[15, 15, 1] = 100
    seen = observe(image, observation(psf_fwhm=3), stream())
    assert not seen[:, :, [0, 2]].any()
    assert seen[:, :, 1].sum() == pytest.approx(100, rel=1e-5)


def test_photon_noise_has_the_variance_of_the_photons():
    image = np.full((200, 200), 40, np.float32)
    seen = observe(image, observation(sky=10, gain=4.0), stream())
    assert seen.mean() == pytest.approx(50, rel=1e-3)
    assert seen.var() == pytest.approx(50 / 4, rel=3e-2)
    assert (seen * 4 == np.rint(seen * 4)).all()


def test_read_noise_follows_the_photons_of_the_whole_picture():
    image = np.full((30, 30), 5, np.float32)
    rng = stream()
    photons = rng.poisson(np.full((30, 30), 10.0)) / 2.0
    expected = photons + 1.5 * rng.standard_normal((30, 30))
    seen = observe(image, observation(gain=2.0, read_noise=1.5), stream())
    assert (seen == expected.astype(np.float32)).all()


def test_bytes_stay_bytes():
    seen = observe(np.full((9, 9), 250, np.uint8), observation(sky=20), stream())
    assert seen.dtype == np.uint8
    assert (seen == 255).all()
