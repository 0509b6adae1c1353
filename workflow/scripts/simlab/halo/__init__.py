"""Halo maps: paired dark-matter and hydrodynamic simulations as multi-scale training samples."""
