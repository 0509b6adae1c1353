"""Tables of the regions that one launch of a force kernel works on."""

import numpy as np

from simlab.afm.kernels.opencl import REGION, table


def split(values):
    """Values as floats and what these leave, float32 (2, ...)."""
    high = np.asarray(values, np.float64).astype(np.float32)
    return np.stack([high, (values - high.astype(np.float64)).astype(np.float32)])


class Launch:
    """Collects the tables of the regions of one launch."""

    def __init__(self, device):
        self._device = device
        self._entries, self._axes, self._atoms, self._columns = [], [], [], []
        self._tips, self._tip_charges = [], []
        self._sizes = dict.fromkeys(("axes", "atoms", "tips", "columns"), 0)

    def add(self, entry, columns, axes=(), atoms=None, tips=None, **members):
        """One region: its entry, its mask, points along the axes, atoms, tip charges."""
        entry.update(members)
        if columns is not None:
            entry["mask"] = self._sizes["columns"]
            self._columns.append(np.asarray(columns, np.uint8).ravel())
            self._sizes["columns"] += self._columns[-1].size
        for name, values in zip("xyz", axes, strict=False):
            entry[name], entry[name + "s"] = self._sizes["axes"], values.shape[-1]
            # (high, low) of each component after the other
            pairs = np.moveaxis(split(values), 0, -2)
            self._axes.append(pairs.ravel())
            self._sizes["axes"] += pairs.size
        if atoms is not None:
            entry["first"] = self._sizes["atoms"]
            self._sizes["atoms"] += len(atoms)
            entry["last"] = self._sizes["atoms"]
            self._atoms.append(atoms.ravel())
        if tips is not None:
            entry["tip"], entry["tips"] = self._sizes["tips"], len(tips[0])
            self._sizes["tips"] += len(tips[0])
            self._tips.append(tips[0])
            self._tip_charges.append(tips[1])
        self._entries.append(entry)

    def _buffer(self, name, arrays, dtype):
        joined = np.concatenate(arrays) if arrays else np.zeros(1)
        return self._device.upload(name, joined, dtype)

    @property
    def axes(self):
        """Coordinates of the points, high and low parts."""
        return self._buffer("axes", self._axes, np.float32)

    @property
    def atoms(self):
        """Rows of the atoms."""
        return self._buffer("atoms", self._atoms, np.float32)

    def tips(self, dtype):
        """Heights of the tip charges, in steps or Å."""
        return self._buffer("tips", self._tips, dtype)

    @property
    def tip_charges(self):
        """Charges of the tips, e."""
        return self._buffer("tip charges", self._tip_charges, np.float32)

    @property
    def columns(self):
        """Masks of columns."""
        return self._buffer("columns", self._columns, np.uint8)

    @property
    def points(self):
        """Most points along z."""
        return max(entry["nz"] for entry in self._entries)

    @property
    def vectors(self):
        """Most work-items along z where each has as many points as the device has lanes."""
        return -(-self.points // self._device.lanes)

    def run(self, name, nz, group, buffers, rest):
        """Start a kernel over all regions, `nz` work-items along z."""
        widest = max(entry["nx"] for entry in self._entries)
        ny = max(entry["ny"] for entry in self._entries)
        count = len(self._entries)
        self._device.run(
            name,
            (nz, ny, widest * count),
            group,
            self._device.upload("regions", table(REGION, self._entries)),
            *buffers(self),
            np.int32(count),
            np.int32(widest),
            *rest,
        )

    def run_one(self, name, size, group, buffers, rest):
        """Start a kernel that works on one region."""
        regions = self._device.upload("regions", table(REGION, self._entries))
        self._device.run(name, size, group, regions, *buffers(self), *rest)
