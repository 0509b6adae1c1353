"""Training data for machine learning from simulated scientific imaging systems."""

from simlab.core.lazy import lazy_names

__version__ = "0.1.0"

# the Snakefile and every job import this package; the reader is for users only
__all__, __getattr__, __dir__ = lazy_names(__name__, {"reader": ("open_dataset",)})
