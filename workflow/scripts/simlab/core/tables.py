"""Checks and statistics as HTML tables, for the report."""

from html import escape

from simlab.core.checks import SKIPPED
from simlab.core.files import write_text

STYLE = """
body { font: 14px/1.45 "DejaVu Sans", Verdana, sans-serif; color: #222; margin: 1.5em; }
table { border-collapse: collapse; } caption { text-align: left; padding-bottom: .6em; }
th, td { text-align: left; padding: .3em .9em .3em 0; border-bottom: 1px solid #ddd; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.passed { color: #1b6e3c; } .failed { color: #a3121f; font-weight: bold; } .skipped { color: #777; }
"""


def write_checks_table(path, rows):
    """Write the rows of a checks.json as a page; skipped ones are counted and shown apart."""
    groups = {"failed": [], "passed": [], "skipped": []}
    for row in rows:
        groups[_state(row)].append(row)
    counts = ", ".join(f"{len(group)} {state}" for state, group in groups.items())
    body = "".join(
        f'<tr><td>{escape(row["id"])}</td><td class="{state}">{state}</td>'
        f"{_number(row['measured'])}{_number(row['bound'])}<td>{escape(row['unit'])}</td>"
        f"<td>{escape(row['what'].removeprefix(SKIPPED))}</td></tr>"
        for state, group in groups.items()
        for row in group
    )
    header = ("check", "", "measured", "bound", "unit", "what is compared, or why it is skipped")
    write_text(path, _page("Consistency checks", counts, header, body))


def write_statistics_table(path, values):
    """Write the content of a normalization.json as a page, one line a value."""
    body = "".join(
        f"<tr><td>{escape(name)}</td>{_number(value)}</tr>" for name, value in _flat(values)
    )
    header = ("quantity", "value")
    write_text(path, _page("Normalization statistics", "training split", header, body))


def _state(row):
    if row["what"].startswith(SKIPPED):
        return "skipped"
    return "passed" if row["passed"] else "failed"


def _flat(value, name=""):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _flat(item, f"{name}[{number}]")
    else:
        yield name, value


def _number(value):
    if value is None:
        return "<td></td>"
    if isinstance(value, float):
        return f'<td class="number">{value:.6g}</td>'
    return f'<td class="number">{escape(str(value))}</td>'


def _page(title, caption, header, body):
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><table><caption><strong>{title}</strong>: {caption}"
        f"</caption><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></body></html>\n"
    )
