"""Atomic force microscopy: stacks of frequency-shift images with image descriptors."""
