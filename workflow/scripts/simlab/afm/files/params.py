"""Parameters of a simulation as text: `params.ini` (lines `key values # comment`), `params.toml`.

| key | default | |
|---|---|---|
| `probeType` | O | element of the probe particle, symbol or atomic number |
| `charge`, `tip`, `sigma` | 0, s, 0.7 | weight (e) and name of a multipole tip, its width, Å |
| `stiffness` | -1 -1 -1 | kx ky kr, N/m; negative = as the simulator's defaults |
| `r0Probe` | 0 0 4 | tilt x y and length R of the tip, Å |
| `PBC`, `nPBC` | True, 1 1 1 | whether there are periodic images, how many on each side |
| `gridA`, `gridB`, `gridC` | 20 Å cube | cell vectors of the sample, Å |
| `gridN` | -1 -1 -1 | grid points of the force field; negative = automatic |
| `FFgrid0`, `FFgridA`, `FFgridB`, `FFgridC` | -1 -1 -1 | its origin and cell, Å; -1: automatic |
| `scanMin`, `scanMax`, `scanStep` | 0 0 5, 20 20 8, .1 .1 .1 | window of the tip anchors, Å |
| `Amplitude` | 1.0 | peak to peak, Å |
| `kCantilever`, `f0Cantilever` | 1800, 30300 | N/m, Hz |
| `Apauli`, `Bpauli` | 18, 1 | prefactor (eV Å^(6B-3)) and exponent of the Pauli term |
| `colorscale` | gray | of figures |

Own keys, absent by default (None): `pixPerAngstrome`, `Qs`, `QZs` (four tip charges, e, and their
heights, Å), `rho` (name and weight, repeated: several multipoles), `stiffnessZ` (kz, N/m),
`fdbm_vdw_type`, `d3_params`, `lj_vdw_damp`, `ffModel` (LJ, Morse or vdW), `df_weights` (simple or
exact; with exact ones `Amplitude` need not be a multiple of the step).
"""

import difflib
import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from simlab.afm.errors import AfmConfigError, AfmInputError, AfmMissingFileError
from simlab.core.errors import MissingFileError
from simlab.core.files import open_input, write_text
from simlab.core.inputs import cut, one_line, shown

TRUE_WORDS = ("true", "t", "1", "yes", "on")
FALSE_WORDS = ("false", "f", "0", "no", "off")
D3_NAMES = ("s6", "s8", "a1", "a2")


@dataclass(frozen=True)
class _Key:
    """Type, number of values and default of a key; `length` None: names and numbers in pairs."""

    kind: type
    length: int | None
    default: object


KEYS = {
    "probeType": _Key(str, 1, "O"),
    "charge": _Key(float, 1, 0.0),
    "tip": _Key(str, 1, "s"),
    "sigma": _Key(float, 1, 0.7),
    "stiffness": _Key(float, 3, (-1.0, -1.0, -1.0)),
    "r0Probe": _Key(float, 3, (0.0, 0.0, 4.0)),
    "PBC": _Key(bool, 1, True),
    "nPBC": _Key(int, 3, (1, 1, 1)),
    "gridA": _Key(float, 3, (20.0, 0.0, 0.0)),
    "gridB": _Key(float, 3, (0.0, 20.0, 0.0)),
    "gridC": _Key(float, 3, (0.0, 0.0, 20.0)),
    "gridN": _Key(int, 3, (-1, -1, -1)),
    "FFgrid0": _Key(float, 3, (-1.0, -1.0, -1.0)),
    "FFgridA": _Key(float, 3, (-1.0, -1.0, -1.0)),
    "FFgridB": _Key(float, 3, (-1.0, -1.0, -1.0)),
    "FFgridC": _Key(float, 3, (-1.0, -1.0, -1.0)),
    "scanMin": _Key(float, 3, (0.0, 0.0, 5.0)),
    "scanMax": _Key(float, 3, (20.0, 20.0, 8.0)),
    "scanStep": _Key(float, 3, (0.1, 0.1, 0.1)),
    "Amplitude": _Key(float, 1, 1.0),
    "kCantilever": _Key(float, 1, 1800.0),
    "f0Cantilever": _Key(float, 1, 30300.0),
    "Apauli": _Key(float, 1, 18.0),
    "Bpauli": _Key(float, 1, 1.0),
    "colorscale": _Key(str, 1, "gray"),
    "pixPerAngstrome": _Key(float, 1, None),
    "Qs": _Key(float, 4, None),
    "QZs": _Key(float, 4, None),
    "rho": _Key(dict, None, None),
    "stiffnessZ": _Key(float, 1, None),
    "fdbm_vdw_type": _Key(str, 1, None),
    "d3_params": _Key(dict, None, None),
    "lj_vdw_damp": _Key(int, 1, None),
    "ffModel": _Key(str, 1, None),
    "df_weights": _Key(str, 1, None),
}


_SPRINGS = "it is a number of stiffness (kx ky kr, N/m);"
NOT_KEYS = {"klat": _SPRINGS, "krad": _SPRINGS}
"""What other programs call values of these keys, and where they are."""


def read_params(path):
    """Parameters of a file; a value given twice counts as given last.

    Parameters
    ----------
    path : path
        `.toml`: the keys in one table (top level); anything else: lines `key values # comment`.

    Returns
    -------
    dict
        All keys of this module, those not in the file with their defaults: float, int, bool, str,
        tuples of them, or {name: float} (`rho`; `d3_params`, which may be a name too).

    Raises
    ------
    AfmMissingFileError, AfmInputError
        For a file that cannot be read.
    AfmConfigError
        For an unknown key, naming the nearest one, and for values of the wrong number or type,
        naming the line.
    """
    path = Path(path)
    try:
        with open_input(path, "parameters") as stream:
            text = stream.read().decode()
    except MissingFileError:
        raise AfmMissingFileError(f"afm: {path}: no such file; expected parameters") from None
    except UnicodeDecodeError:
        raise AfmInputError(f"afm: {path}: not a text file; expected parameters") from None
    if "\0" in text:
        raise AfmInputError(f"afm: {path}: NUL bytes, not a text file; expected parameters")
    entries = _toml_entries if path.suffix.lower() == ".toml" else _ini_entries
    values = {name: key.default for name, key in KEYS.items()}
    for place, name, cells in entries(path, text):
        if name not in KEYS:
            near = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.0)[0]
            meant = NOT_KEYS.get(name, f"did you mean {near}?")
            raise AfmConfigError(
                f"afm: {path}: {place}: unknown key {shown(name)}, {meant} expected one of "
                f"{', '.join(KEYS)}"
            )
        try:
            values[name] = _value(name, cells)
        except (ValueError, TypeError):
            raise AfmConfigError(
                f"afm: {path}: {place}: {_plain(cells)}; expected {_wanted(name)}"
            ) from None
    return values


def _ini_entries(path, text):
    for number, line in enumerate(text.splitlines(), start=1):
        cells = line.partition("#")[0].split()
        if cells:
            yield f"line {number}", cells[0], cells[1:]


def _toml_entries(path, text):
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise AfmInputError(f"afm: {path}: {one_line(error)}; expected a TOML file") from None
    for name, value in table.items():
        yield f"key {name}", name, value


def _value(name, cells):
    """Values of a key from words, numbers, a list or a table; ValueError, TypeError if unfit."""
    key = KEYS[name]
    if key.kind is dict:
        return _named_numbers(name, cells)
    cells = list(cells) if isinstance(cells, list | tuple) else [cells]
    if len(cells) != key.length:
        raise ValueError(name)
    values = tuple(_converted(key.kind, cell) for cell in cells)
    return values[0] if key.length == 1 else values


def _named_numbers(name, cells):
    if name == "d3_params":
        if isinstance(cells, str):
            return cells
        if isinstance(cells, list) and len(cells) == 1:
            return _converted(str, cells[0])
    if not isinstance(cells, dict):
        if len(cells) % 2 or not cells:
            raise ValueError(name)
        cells = dict(zip(cells[::2], cells[1::2], strict=True))
    if name == "d3_params" and set(cells) != set(D3_NAMES):
        raise ValueError(name)
    return {_converted(str, word): _converted(float, number) for word, number in cells.items()}


def _converted(kind, cell):
    if kind is bool:
        word = str(cell).lower()
        if word not in TRUE_WORDS + FALSE_WORDS:
            raise ValueError(cell)
        return word in TRUE_WORDS
    if isinstance(cell, bool | dict | list):
        raise TypeError(cell)
    if kind is str:
        if isinstance(cell, str) and len(cell) > 2 and cell[0] == cell[-1] and cell[0] in "'\"":
            cell = cell[1:-1]
        if len(str(cell).split()) != 1 or "#" in str(cell):  # would not read back
            raise ValueError(cell)
        return str(cell)
    number = float(cell)
    if not math.isfinite(number) or (kind is int and number != int(number)):
        raise ValueError(cell)
    return kind(number)


def _plain(cells):
    if isinstance(cells, list | tuple):
        cells = " ".join(map(str, cells)) or "no value"
    return cut(str(cells))


def _wanted(name):
    key = KEYS[name]
    if key.kind is dict:
        return f"{name} as names and numbers in turn" + (
            f" ({', '.join(D3_NAMES)}), or a name" if name == "d3_params" else ""
        )
    word = {bool: "True or False", float: "number", int: "integer", str: "word"}[key.kind]
    if key.kind is bool:
        return f"{name} {word}"
    return f"{name} with {key.length} {word}{'s' if key.length > 1 else ''}"


def write_params(path, values):
    """Write parameters so that `read_params` gives them back exactly.

    Parameters
    ----------
    path : path
        `.toml` or anything else, as of `read_params`.
    values : mapping
        Keys of this module; None leaves a key out.

    Raises
    ------
    AfmConfigError
        For an unknown key or an unfit value.
    """
    path = Path(path)
    toml = path.suffix.lower() == ".toml"
    lines = []
    for name, value in values.items():
        if value is None:
            continue
        if name not in KEYS:
            raise AfmConfigError(f"afm: {name}: unknown key; expected one of {', '.join(KEYS)}")
        try:
            checked = _value(name, value)
        except (ValueError, TypeError):
            raise AfmConfigError(f"afm: {name}: {value!r}; expected {_wanted(name)}") from None
        lines.append(f"{name} = {_toml(checked)}" if toml else f"{name} {_ini(checked)}")
    write_text(path, "\n".join(lines) + "\n")


def _ini(value):
    if isinstance(value, dict):
        return " ".join(f"{name} {number!r}" for name, number in value.items())
    if isinstance(value, tuple):
        return " ".join(map(repr, value))
    return str(value)


def _toml(value):
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(name)} = {number!r}" for name, number in value.items())
            + "}"
        )
    if isinstance(value, tuple):
        return "[" + ", ".join(map(repr, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, str) else repr(value)
