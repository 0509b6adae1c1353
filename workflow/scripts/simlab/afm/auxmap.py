"""What all image descriptors share: pixels, checked arguments, rotated atoms."""

import math
from numbers import Integral

import numpy as np

from simlab.afm.aux_options import AUX_OPTIONS
from simlab.afm.errors import AfmConfigError
from simlab.afm.kernels import maps
from simlab.afm.rotations import check_rotation, rotate_about
from simlab.core.config import parse_config
from simlab.core.errors import ConfigError


class AuxMap:
    """A two-dimensional picture of a molecule under the scan window.

    Called with atoms `xyzqs` (n, 4) float (Å, e), their atomic numbers `Zs` (n,), an optional
    potential `pot` (HartreePotential) and a rotation `rot` (3, 3) about `rot_center` (default: the
    mean of the atoms); it returns float32 (nx, ny), or (nx, ny, c) for maps of several channels.

    Pixel centers are equidistant over the window with both ends included; the first axis is x.

    Parameters
    ----------
    scan_dim : (2,) int
        Pixels along x and y.
    scan_window : (2, 2) float
        Lower and upper corner, Å; a third column is ignored.

    Attributes
    ----------
    scan_window : (2, 2) float64
        Can be set.
    n_channels : int
    channel_names : tuple of str
        `Name`, or `Name/k` of several channels.
    floor : float
        Value of pixels that show nothing.

    Raises
    ------
    AfmConfigError
        Arguments that cannot be used, before any work.
    AfmInputError
        Elements without a known radius.
    """

    n_channels = 1
    needs_scanner = False
    maps = maps
    """What draws: functions of the names and arguments of `kernels.maps`."""

    def __init__(self, scan_dim, scan_window, **arguments):
        self._set_arguments(arguments)
        self.scan_dim = _checked_dim(scan_dim)
        self.scan_window = scan_window

    def _set_arguments(self, arguments):
        """Attributes from the arguments, checked by the configuration model of the same name."""
        name = type(self).__name__
        model = AUX_OPTIONS.get(name)
        if model is None:
            vars(self).update(arguments)
            return
        try:
            options = parse_config(model, {k: _plain(v) for k, v in arguments.items()}, name)
        except ConfigError as error:
            lines = " ; ".join(line.strip() for line in str(error).splitlines()[1:])
            raise AfmConfigError(
                f"afm: {name}: {lines}; expected arguments as documented"
            ) from None
        vars(self).update({key: getattr(options, key) for key in type(options).model_fields})

    @property
    def scan_window(self):
        """Lower and upper corner (2, 2) float64, Å."""
        return self._window.copy()

    @scan_window.setter
    def scan_window(self, window):
        self._window = _checked_window(window)
        self.xs, self.ys = (
            np.linspace(self._window[0, k], self._window[1, k], self.scan_dim[k]) for k in (0, 1)
        )

    @property
    def channel_names(self):
        """Names of the channels."""
        name = type(self).__name__
        if self.n_channels == 1 and not self.numbered:
            return (name,)
        return tuple(f"{name}/{k}" for k in range(self.n_channels))

    numbered = False
    """Whether the map has a channel axis."""

    floor = 0.0

    def closed_range(self, Zs):
        """(low, high) of each channel for atoms `Zs`, infinite where there is no bound."""
        return ((-math.inf, math.inf),) * self.n_channels

    def __call__(self, xyzqs, Zs, pot=None, rot=None, rot_center=None):
        """Draw the map: float32 (nx, ny) or (nx, ny, c); arguments as in the class."""
        xyzqs, Zs = checked_atoms(xyzqs, Zs)
        rotation = None if rot is None else check_rotation(rot)
        center = None if rot_center is None else np.array(rot_center, np.float64)
        return self._map(xyzqs, Zs, pot, rotation, center)

    def _map(self, xyzqs, Zs, pot, rotation, center):
        return self._draw(rotated(xyzqs[:, :3], rotation, center), Zs)

    def _draw(self, xyz, Zs):
        raise NotImplementedError

    def _image(self, fill=0.0):
        return np.full(self.scan_dim, fill, np.float32)


def rotated(xyz, rotation, center=None):
    """Atoms turned about `center`, default their mean; exactly as given without a rotation."""
    if rotation is None or np.array_equal(rotation, np.eye(3)):
        return xyz
    return rotate_about(xyz, rotation, center)


def checked_atoms(xyzqs, Zs):
    """(n, 4) float64 and (n,) int64 copies; AfmConfigError unless finite, equally long, n >= 1."""
    try:
        atoms, numbers = np.array(xyzqs, np.float64), np.array(Zs, np.float64)
    except (TypeError, ValueError):
        raise AfmConfigError("afm: xyzqs, Zs: not numbers; expected (n, 4) and (n,)") from None
    if atoms.ndim != 2 or atoms.shape[1] != 4 or numbers.shape != atoms.shape[:1] or not len(atoms):
        raise AfmConfigError(
            f"afm: xyzqs, Zs: shapes {atoms.shape} and {numbers.shape}; expected (n, 4) and (n,) "
            "with n >= 1"
        )
    if not np.isfinite(atoms).all() or not np.array_equal(numbers, np.floor(numbers)):
        raise AfmConfigError(
            "afm: xyzqs, Zs: values that are not finite or no whole atomic numbers; expected "
            "positions in Å, charges in e"
        )
    return atoms, numbers.astype(np.int64)


def _checked_dim(scan_dim):
    try:
        pixels = tuple(scan_dim)
    except TypeError:
        pixels = ()
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) and n >= 1 for n in pixels)
    if len(pixels) != 2 or not whole:
        raise AfmConfigError(
            f"afm: scan_dim: {scan_dim!r}; expected two whole numbers of pixels >= 1"
        )
    return int(pixels[0]), int(pixels[1])


def _checked_window(window):
    try:
        corners = np.array(window, np.float64)
    except (TypeError, ValueError):
        corners = np.empty(0)
    if corners.ndim != 2 or corners.shape[0] != 2 or corners.shape[1] not in (2, 3):
        raise AfmConfigError(f"afm: scan_window: {window!r}; expected two corners of x and y, in Å")
    corners = corners[:, :2].copy()
    if not np.isfinite(corners).all() or (corners[1] <= corners[0]).any():
        raise AfmConfigError(
            f"afm: scan_window: {corners.tolist()}; expected an upper corner beyond the lower one"
        )
    return corners


def _plain(value):
    """numpy numbers and arrays as those of Python, tuples as lists."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _plain(v) for key, v in value.items()}
    return value
