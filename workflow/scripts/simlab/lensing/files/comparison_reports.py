"""Results of a comparison as JSON or CSV, and as a page to read: HTML, TeX or PDF."""

from html import escape
from pathlib import Path

from simlab.core.files import atomic_path, write_csv, write_json, write_text
from simlab.lensing.errors import LensingConfigError

COLUMNS = (
    "name",
    "size",
    "norm",
    "relnorm",
    "minimum",
    "maximum",
    "mae",
    "rmse",
    "psnr",
    "ssim",
    "differing",
    "flux_ratio",
    "centroid_shift",
)
DISC_COLUMNS = ("name", "radius", "size", "norm", "relnorm")
ROWS_PER_PAGE = 48
TEX_SPECIAL = {c: "\\" + c for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
HTML = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Comparison</title><style>
body {{ font: 14px/1.45 "DejaVu Sans", Verdana, sans-serif; margin: 1.5em; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: .25em .8em; border-bottom: 1px solid #ddd; }}
td {{ text-align: right; font-variant-numeric: tabular-nums; }}
td:first-child {{ text-align: left; }}
</style></head><body><h1>Comparison</h1>{body}</body></html>
"""
TEX = r"""\documentclass[a4paper,landscape]{article}
\usepackage[margin=1.5cm]{geometry}
\usepackage{longtable}
\begin{document}\scriptsize
BODY\end{document}
"""


def write_statistics(path, result):
    """Write a result of `compare_sets`: all of it as .json, its pairs as .csv.

    Undefined and infinite measures are null in JSON, empty cells in CSV.
    """
    path = Path(path)
    if path.suffix.lower() == ".json":
        write_json(path, result)
    elif path.suffix.lower() == ".csv":
        write_csv(path, COLUMNS, [[_cell(pair[c]) for c in COLUMNS] for pair in result["pairs"]])
    else:
        raise LensingConfigError(f"{path}: statistics are written as .json or .csv")


def write_report(path, result, fail_above=0.0):
    """Write a result of `compare_sets` with `fail_above` as a page: .html, .tex or .pdf."""
    writers = {".html": _write_html, ".tex": _write_tex, ".pdf": _write_pdf}
    writer = writers.get(Path(path).suffix.lower())
    if writer is None:
        raise LensingConfigError(f"{path}: reports are written as .html, .tex or .pdf")
    writer(path, result, summary_text(result, fail_above))


def summary_text(result, fail_above=0.0):
    """The summary in one line; `fail_above` as `compare_sets` got it."""
    summary = result["summary"]
    differ = f"have a norm above {fail_above:g}" if fail_above else "differ"
    worst = f", worst {summary['worst']}" if summary["worst"] else ""
    return (
        f"{summary['n']} pairs, {summary['n_bad']} {differ}, "
        f"largest norm {summary['max_norm']:.6g}, mean rmse {summary['mean_rmse']:.6g}{worst}"
    )


def _cell(value):
    infinite = isinstance(value, float) and abs(value) == float("inf")
    return "" if value is None or infinite else value


def _shown(value):
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _tables(result):
    """(title, header, rows of text) of each table of a report."""
    pairs = result["pairs"]
    yield "Pairs", COLUMNS, [[_shown(pair[c]) for c in COLUMNS] for pair in pairs]
    discs = [{"name": p["name"], **disc} for p in pairs for disc in p.get("masked", ())]
    if discs:
        yield "Discs", DISC_COLUMNS, [[_shown(disc[c]) for c in DISC_COLUMNS] for disc in discs]
    if result["errors"]:
        yield "Errors", ("problem",), [[text] for text in result["errors"]]


def _write_html(path, result, summary):
    body = f"<p>{escape(summary)}</p>"
    for title, header, rows in _tables(result):
        body += f"<h2>{title}</h2><table><tr>"
        body += "".join(f"<th>{name}</th>" for name in header) + "</tr>"
        for row in rows:
            body += "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        body += "</table>"
    write_text(path, HTML.format(body=body))


def _write_tex(path, result, summary):
    body = _tex(summary) + "\n"
    for title, header, rows in _tables(result):
        body += f"\\section*{{{title}}}\n\\begin{{longtable}}{{l{'r' * (len(header) - 1)}}}\n"
        body += " & ".join(map(_tex, header)) + r" \\ \hline\endhead" + "\n"
        body += "".join(" & ".join(map(_tex, row)) + " \\\\\n" for row in rows)
        body += "\\end{longtable}\n"
    write_text(path, TEX.replace("BODY", body))


def _tex(text):
    return "".join(TEX_SPECIAL.get(c, c) for c in text)


def _write_pdf(path, result, summary):
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    lines = [summary]
    for title, header, rows in _tables(result):
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        lines += ["", title]
        for row in (header, *rows):
            first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  ".join([row[0].ljust(len(first)), *rest]))
    with (
        atomic_path(path, ".pdf") as part,
        PdfPages(part, metadata={"CreationDate": None, "Producer": None, "Creator": None}) as pages,
    ):
        for start in range(0, len(lines), ROWS_PER_PAGE):
            figure = Figure(figsize=(11.7, 8.3))
            text = "\n".join(lines[start : start + ROWS_PER_PAGE])
            figure.text(0.03, 0.96, text, family="monospace", size=7, va="top")
            pages.savefig(figure)
