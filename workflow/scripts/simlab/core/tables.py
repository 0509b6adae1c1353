"""Pages of the report: checks, statistics and any other table as HTML."""

from html import escape

from simlab.core.checks import SKIPPED
from simlab.core.files import write_text

STYLE = """
body { font: 14px/1.45 "DejaVu Sans", Verdana, sans-serif; color: #222; margin: 1.5em; }
h1 { font-size: 18px; margin: 0 0 .3em; } h2 { font-size: 15px; margin: 1.6em 0 .4em; }
table { border-collapse: collapse; } p { max-width: 60em; }
th, td { text-align: left; padding: .3em .9em .3em 0; border-bottom: 1px solid #ddd; }
th.number, td.number { text-align: right; white-space: nowrap; }
td.number { font-variant-numeric: tabular-nums; } tr.total td { font-weight: bold; }
.passed { color: #1b6e3c; } .failed { color: #a3121f; font-weight: bold; }
.skipped, .note { color: #666; } svg, img { max-width: 100%; height: auto; }
.scale { background: #e4e4e4; display: inline-block; height: .7em; width: 6em; }
.scale b { background: #0072b2; display: block; height: 100%; }
.failed .scale b { background: #d55e00; }
"""
CHECKS_HEADER = (
    *("check", "", "measured", "bound", "unit", "measured / bound", "worst sample"),
    "what is compared, or why it is skipped",
)
CHECKS_NUMBERS = (2, 3)
NUMBER = ' class="number"'


class Cell(str):
    """A cell of a table that is HTML already."""


def write_page(path, title, *parts, lead=""):
    """Write a page of `parts` of HTML below `title`; `lead` is a sentence about them."""
    text = f"<p>{escape(lead)}</p>" if lead else ""
    write_text(
        path,
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{text}{''.join(parts)}</body></html>\n",
    )


def table(header, rows, *, numbers=(), total=False):
    """A table as HTML; cells are text, numbers, None, or a `Cell`.

    Parameters
    ----------
    header : sequence of str
    rows : iterable of sequences
    numbers : sequence of int
        Columns whose heads stand over numbers.
    total : bool
        Whether the last row sums up the others.
    """
    rows = list(rows)
    heads = "".join(
        f"<th{NUMBER if i in numbers else ''}>{escape(cell)}</th>" for i, cell in enumerate(header)
    )
    lines = [f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows]
    if total and lines:
        lines[-1] = lines[-1].replace("<tr>", '<tr class="total">', 1)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def write_checks_table(path, rows):
    """Write the rows of a checks.json as a page; skipped ones are counted and shown apart."""
    groups = {"failed": [], "passed": [], "skipped": []}
    for row in rows:
        groups[check_state(row)].append(row)
    counts = ", ".join(f"{len(group)} {state}" for state, group in groups.items())
    lines = [
        (
            row["id"],
            Cell(f'<td class="{state}">{state}</td>'),
            row["measured"],
            row["bound"],
            row["unit"],
            _ratio(row, state),
            "" if row["worst_sample"] is None else str(row["worst_sample"]),
            row["what"].removeprefix(SKIPPED),
        )
        for state, group in groups.items()
        for row in group
    ]
    write_page(
        path, "Consistency checks", table(CHECKS_HEADER, lines, numbers=CHECKS_NUMBERS), lead=counts
    )


def write_statistics_table(path, values):
    """Write the content of a normalization.json as a page, one line a value."""
    rows = table(("quantity", "value"), _flat(values), numbers=(1,))
    write_page(path, "Normalization statistics", rows, lead="training split")


def check_state(row):
    """Of a row of checks.json: failed, passed or skipped."""
    if row["what"].startswith(SKIPPED):
        return "skipped"
    return "passed" if row["passed"] else "failed"


def _ratio(row, state):
    """Cell of measured / bound with a bar that is full at 1; empty where there is no ratio."""
    measured, bound = row["measured"], row["bound"]
    if not all(isinstance(value, int | float) for value in (measured, bound)) or bound <= 0:
        return None
    ratio = measured / bound
    if state == "passed" and ratio > 1:  # the bound is a lower one
        return Cell(f'<td class="number {state}">{ratio:.2g} ≥ 1</td>')
    width = 100 * min(max(ratio, 0.0), 1.0)
    bar = f'<span class="scale"><b style="width: {width:.1f}%"></b></span>'
    return Cell(f'<td class="number {state}">{ratio:.2g} {bar}</td>')


def _flat(value, name=""):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _flat(item, f"{name}[{number}]")
    else:
        yield name, value


def number_cell(value):
    """A right-aligned cell of a number or of its text; empty for None."""
    return Cell("<td></td>" if value is None else f'<td class="number">{escape(str(value))}</td>')


def _cell(value):
    if value is None:
        return "<td></td>"
    if isinstance(value, float):
        return number_cell(f"{value:.6g}")
    if isinstance(value, int) and not isinstance(value, bool):
        return number_cell(value)
    return value if isinstance(value, Cell) else f"<td>{escape(str(value))}</td>"
