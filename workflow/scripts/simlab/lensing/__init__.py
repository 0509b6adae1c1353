"""Gravitational lensing."""
