"""Older import name: `from simlab.ptycho.diffsim import sim_object_image`."""

from simlab.ptycho.objects import make_lines_object, sim_object_image

__all__ = ["make_lines_object", "sim_object_image"]
