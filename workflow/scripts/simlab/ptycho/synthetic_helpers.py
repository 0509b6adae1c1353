"""Older import name of the helpers that make objects, probes and memoized simulations."""

from simlab.ptycho.dataset import split_raw_data_by_axis
from simlab.ptycho.objects import make_lines_object
from simlab.ptycho.probes import make_probe
from simlab.ptycho.simulation import simulate_nongrid_raw_data

__all__ = [
    "make_lines_object",
    "make_probe",
    "simulate_nongrid_raw_data",
    "split_raw_data_by_axis",
]
