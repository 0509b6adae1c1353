"""Older import name: `from simlab.ptycho.probe import get_default_probe`."""

from simlab.ptycho.probes import get_default_probe, make_probe

__all__ = ["get_default_probe", "make_probe"]
