"""Formula files of roulette amplitudes: text, JSON, LaTeX.

| file | content |
|---|---|
| `.txt` | UTF-8, one amplitude a line: `m:s:ALPHA:BETA`, two expressions |
| `.json` | format 1, lens, order, amplitudes: list of m, s and what describes them |
| `.tex` | a document of its own |
"""

import re

from simlab.core.errors import InputFileError, MissingFileError
from simlab.core.files import open_input, write_text
from simlab.lensing.errors import MissingRowsError, RowsError

DOCUMENT = r"""\documentclass{article}
\usepackage[landscape,margin=1cm]{geometry}
\usepackage{amsmath}
\begin{document}
\section*{%s}
%s
\end{document}
"""


def write_formula_lines(path, lines):
    """Write lines `m:s:ALPHA:BETA`."""
    write_text(path, "".join(line + "\n" for line in lines))


def read_formula_lines(path):
    """Lines of a formula file.

    Returns
    -------
    list of (int, int, int, str, str)
        Number of the line, m, s, expressions of alpha and beta. Empty lines are left out.

    Raises
    ------
    RowsError
        If the file is missing, no UTF-8 text, empty, or a line has another form.
    """
    try:
        with open_input(path) as stream:
            lines = stream.read().decode().splitlines()
    except MissingFileError as error:
        raise MissingRowsError(str(error)) from None
    except (InputFileError, UnicodeDecodeError) as problem:
        raise RowsError(f"{path}: not a UTF-8 text file ({problem})") from None
    found = [_fields(path, k, line) for k, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise RowsError(f"{path}: no amplitudes")
    return found


def _fields(path, number, line):
    fields = [field.strip() for field in line.split(":")]
    if len(fields) != 4 or not all(re.fullmatch("[0-9]{1,6}", field) for field in fields[:2]):
        raise RowsError(f"{path}, line {number}: expected m:s:ALPHA:BETA, found {line[:40]!r}")
    return number, int(fields[0]), int(fields[1]), fields[2], fields[3]


def write_tex(path, title, equations):
    """Write a document of equations, each (left side, right side) in LaTeX."""
    body = "\n".join(rf"\[ {left} = {right} \]" for left, right in equations)
    write_text(path, DOCUMENT % (title, body))
