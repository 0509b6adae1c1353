"""Training data for machine learning from simulated scientific imaging systems."""

__version__ = "0.1.0"
