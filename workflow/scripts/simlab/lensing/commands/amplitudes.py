"""`simlab lensing amplitudes`: roulette amplitudes as formulas, or as numbers at a point."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def amplitudes(
    order: Annotated[int, typer.Argument(metavar="N", min=0, max=200, help="Highest order")],
    processes: Annotated[
        int | None,
        typer.Argument(metavar="[NPROC]", help="Processes of the original program; has no effect"),
    ] = None,
    lens: Annotated[Literal["SIS", "SIE", "PM"], typer.Option("--lens", help="Lens model")] = "SIS",
    output: Annotated[
        Path | None, typer.Option("--output", help="File in place of the terminal")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Exact constants (SIE: polynomials) as JSON")
    ] = False,
    tex: Annotated[Path | None, typer.Option("--tex", help="LaTeX document to write")] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Only psi_x and psi_y")] = False,
    point: Annotated[
        str | None,
        typer.Option(
            "--eval",
            metavar="x,y,g[,f,p]",
            help="Numbers at a point (JSON): px, px, px, axis ratio, orientation in radians",
        ),
    ] = None,
    digits: Annotated[int, typer.Option("--digits", min=1, help="Digits of the numbers")] = 17,
    method: Annotated[
        Literal["closed", "symbolic"],
        typer.Option("--method", help="Closed forms, or differentiation by sympy (N <= 8)"),
    ] = "closed",
):
    """Write the roulette amplitudes of a lens as formulas m:s:ALPHA:BETA."""
    from simlab.core.files import json_text, write_text
    from simlab.lensing.formula_text import formula_lines, formula_table, potential_gradient
    from simlab.lensing.formulas import write_formulas_tex
    from simlab.lensing.symbolic import symbolic_lines

    if point is not None:
        text = json_text(_numbers(lens, order, point, digits))
    elif as_json:
        text = json_text(formula_table(lens, order))
    else:
        make = formula_lines if method == "closed" else symbolic_lines
        lines = make(lens, 0 if diff and tex is None else order)
        if tex is not None:
            write_formulas_tex(tex, lines, f"Roulette amplitudes of the {lens} to order {order}")
        if diff:
            x, y = potential_gradient(lines)
            lines = [f"psi_x:{x}", f"psi_y:{y}"]
        text = "".join(line + "\n" for line in lines)
    if output is not None:
        write_text(output, text)
    elif tex is None or diff or point is not None or as_json:
        print(text, end="")


def _numbers(lens, order, point, digits):
    """Amplitudes at a point as a mapping for JSON; beyond 17 digits as text."""
    import mpmath

    from simlab.lensing.exact import exact_amplitudes

    numbers = [text.strip() for text in point.split(",")]
    try:
        [float(text) for text in numbers]
    except ValueError:
        raise typer.BadParameter(f"--eval {point}: expected numbers x,y,g[,f,p]") from None

    def shown(value):
        return float(value) if digits <= 17 else mpmath.nstr(value, digits)

    found = exact_amplitudes(lens, order, numbers, digits)
    entries = [
        {"m": m, "s": s, "alpha": shown(alpha), "beta": shown(beta)}
        for (m, s), (alpha, beta) in found.items()
    ]
    names = ("x", "y", "g", "f", "p")
    at = dict(zip(names, numbers, strict=False))
    return {"format": 1, "lens": lens, "order": order, "at": at, "amplitudes": entries}


def register(app):
    """Add the command to `app`."""
    app.command("amplitudes")(amplitudes)
