"""Packages whose public names are imported when they are first used."""

import sys
from importlib import import_module


def lazy_names(package, modules, submodules=()):
    """`__all__`, `__getattr__` and `__dir__` of a package that imports nothing by itself.

    Parameters
    ----------
    package : str
        Its `__name__`.
    modules : mapping
        Module, relative to the package -> the public names it holds.
    submodules : tuple of str
        Modules of the package that are public names themselves.
    """
    homes = {name: module for module, names in modules.items() for name in names}
    own = sys.modules[package].__dict__

    def get(name):
        if name in submodules:
            return import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        own[name] = value = getattr(import_module(f"{package}.{homes[name]}"), name)
        return value

    public = sorted({*homes, *submodules})
    return public, get, lambda: sorted({*own, *public})
