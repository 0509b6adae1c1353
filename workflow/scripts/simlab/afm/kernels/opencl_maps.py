"""Image descriptors on an OpenCL device: the functions of `kernels.maps`, in single precision."""

import numpy as np

GROUPS = {False: (16, 1), True: (16, 8)}
"""Work-groups on devices that are (True) and are not GPUs."""


class Maps:
    """Kernels of the descriptors; arguments as of the functions of `kernels.maps`.

    Parameters
    ----------
    device : opencl.Device
    """

    def __init__(self, device):
        self._device = device

    def spheres(self, xs, ys, atoms, channels, out):
        """Highest point of spheres."""
        rest = (self._device.upload("channels", channels, np.int32), np.int32(out.shape[2]))
        self._draw("aux_spheres", xs, ys, _moved(atoms, xs, ys), rest, out)

    def caps(self, xs, ys, atoms, floor, end, width, out):
        """Spheres that fade into `floor`."""
        self._draw("aux_caps", xs, ys, _moved(atoms, xs, ys), _floats(floor, end, width), out)

    def disks(self, xs, ys, atoms, out):
        """Sum of cones."""
        self._draw("aux_disks", xs, ys, _moved(atoms, xs, ys), (), out)

    def occluded_disks(self, xs, ys, atoms, floor, margin, dzmax, out):
        """Sum of cones that hide each other."""
        covalent = self._device.upload("covalent", atoms[:, 4], np.float32)
        rest = (covalent, *_floats(floor, margin, dzmax))
        self._draw("aux_occluded_disks", xs, ys, _moved(atoms, xs, ys), rest, out)

    def atom_profiles(self, xs, ys, atoms, samples, step, reach, out):
        """Strongest profile of the atoms."""
        rest = self._profile(samples, step, reach)
        self._draw("aux_rfunc", xs, ys, _moved(atoms, xs, ys), rest, out)

    def bond_profiles(self, xs, ys, bonds, zmin, ellipticity, samples, step, reach, out):
        """Strongest bond."""
        x1, y1, z1, x2, y2, z2 = bonds.T
        length = np.hypot(x2 - x1, y2 - y1)
        drawn = length > 0
        scale = 1 / np.where(drawn, length, 1)
        rows = np.zeros((len(bonds), 8))
        rows[:, :4] = np.column_stack([x1 - xs[0], y1 - ys[0], z1, length])
        rows[:, 4:7] = np.column_stack([x2 - x1, y2 - y1, z2 - z1]) * scale[:, None]
        rest = (*_floats(zmin, ellipticity), *self._profile(samples, step, reach))
        self._draw("aux_bonds", xs, ys, rows[drawn], rest, out)

    def vertical_field(self, xs, ys, zs, atoms, factor, soft, out):
        """Vertical field of point charges; heights count from the first pixel's as well."""
        moved = _moved(atoms, xs, ys)
        base = zs.flat[0]
        moved[:, 2] -= base
        heights = self._device.upload("heights", zs - base, np.float32)
        rest = _floats(factor, soft)
        self._draw("aux_es", xs, ys, moved, rest, out, before=(heights,))

    def lorentzians(self, xs, ys, atoms, amplitude, width, out):
        """Sum of Lorentz curves."""
        self._draw("aux_lorentz", xs, ys, _moved(atoms, xs, ys), _floats(amplitude, width), out)

    def _profile(self, samples, step, reach):
        nodes = self._device.upload("samples", samples, np.float32)
        return (nodes, np.int32(len(samples)), *_floats(step, reach))

    def _draw(self, name, xs, ys, rows, rest, out, before=()):
        device = self._device
        drawn = np.ascontiguousarray(out)
        buffer = device.upload("map", drawn)
        channels = out.shape[2:] if name == "aux_spheres" else ()
        device.run(
            name,
            (len(ys), len(xs), *channels),
            (*GROUPS[device.is_gpu], *(1 for _ in channels)),
            device.upload("xs", xs - xs[0], np.float32),
            device.upload("ys", ys - ys[0], np.float32),
            np.int32(len(xs)),
            np.int32(len(ys)),
            *before,
            device.upload("map atoms", rows, np.float32),
            np.int32(len(rows)),
            *rest,
            buffer,
        )
        out[...] = device.download(buffer, drawn)


def _moved(atoms, xs, ys):
    """Rows of four numbers, x and y counted from the first pixel."""
    rows = np.zeros((len(atoms), 4))
    width = min(4, atoms.shape[1])
    rows[:, :width] = atoms[:, :width]
    rows[:, 0] -= xs[0]
    rows[:, 1] -= ys[0]
    return rows


def _floats(*values):
    return tuple(np.float32(value) for value in values)
