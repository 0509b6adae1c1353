"""Fields of the sensor: light that falls off from a center, light that leaks in."""

import numpy as np


def radial_falloff(shape, center_px, falloff, exponent):
    """1 - (1 - falloff) (rho / rho_max)^exponent about a center.

    Parameters
    ----------
    shape : tuple of 2 int
        Height and width, px.
    center_px : tuple of 2 float
        Row and column where the field is 1.
    falloff : float
        Value at the corner farthest from the center, at distance rho_max.
    exponent : float

    Returns
    -------
    (H, W) float64
        Ones if rho_max is 0.
    """
    rho = _distance(shape, center_px)
    corners = rho[[0, 0, -1, -1], [0, -1, 0, -1]]
    farthest = corners.max()
    if farthest == 0:
        return np.ones(shape)
    return 1.0 - (1.0 - falloff) * (rho / farthest) ** exponent


def _distance(shape, center_px):
    rows = np.arange(shape[0])[:, None] - center_px[0]
    columns = np.arange(shape[1]) - center_px[1]
    return np.hypot(rows, columns)


def falloff_field(step, acquisition):
    """Field (H, W) float64 of an IlluminationProfile or Vignette step on the sensor."""
    sensor = acquisition.image_sensor
    shape = sensor.n_px_height, sensor.n_px_width
    center = acquisition.um_to_index(*step.center_offset_um, shape)
    return radial_falloff(shape, center, step.falloff, step.exponent)


def leakage_field(leakage, acquisition, shape):
    """Light that reaches the sensor without passing the tissue: (H, W) float64.

    Parameters
    ----------
    leakage : Leakage
        profile "uniform": `level` everywhere; "gaussian": level exp(-rho^2 / (2 sigma^2)) about
        the center, sigma_um by default a quarter of the shorter side of the field of view.
    acquisition : Acquisition
    shape : tuple of 2 int
        Height and width, px.

    Returns
    -------
    (H, W) float64
    """
    if leakage.profile == "uniform":
        return np.full(shape, float(leakage.level))
    sigma_um = min(acquisition.fov_um) / 4 if leakage.sigma_um is None else leakage.sigma_um
    rho = _distance(shape, ((shape[0] - 1) / 2, (shape[1] - 1) / 2))
    return leakage.level * np.exp(-(rho**2) / (2 * acquisition.um_to_px(sigma_um) ** 2))


def sample_field_at(field, acquisition, centers_um):
    """Values of a sensor field at cells: nearest pixel, clipped to the field of view.

    Parameters
    ----------
    field : (H, W) array or None
        None counts as 1 everywhere.
    acquisition : Acquisition
    centers_um : (n, 3) array
        Depth, y and x, µm.

    Returns
    -------
    (n,) float64
    """
    if field is None:
        return np.ones(len(centers_um))
    rows, columns = acquisition.um_to_index(centers_um[:, 1], centers_um[:, 2], field.shape)
    rows = np.clip(np.rint(rows), 0, field.shape[0] - 1).astype(int)
    columns = np.clip(np.rint(columns), 0, field.shape[1] - 1).astype(int)
    return np.asarray(field, np.float64)[rows, columns]
