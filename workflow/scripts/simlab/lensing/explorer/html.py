"""HTML of the explorer: style, figures, tables."""

import base64
from html import escape

STYLE = """
:root { --line: #d9dee5; --ink: #1f2937; --soft: #6b7280; --accent: #1d4ed8; }
body { margin: 0; font: 13px/1.45 "DejaVu Sans", Verdana, sans-serif; color: var(--ink);
  background: #f4f6f9; }
"""
PART_STYLE = """
:host { font: 13px/1.4 "DejaVu Sans", Verdana, sans-serif; color: #1f2937; }
h1 { font-size: 17px; margin: 0; } h2 { font-size: 13px; margin: 2px 0 4px; color: #374151; }
img { display: block; width: 100%; background: #000; image-rendering: auto; }
figure { margin: 0; } figcaption { font-size: 12px; color: #6b7280; padding-bottom: 4px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 2px 12px 2px 0; border-bottom: 1px solid #e5e7eb; }
th { color: #6b7280; font-weight: 600; }
#txt-error { background: #fdecec; color: #8f1d1d; border-left: 4px solid #c0392b;
  padding: 8px 12px; white-space: pre-wrap; }
#txt-status { font-weight: 600; } .busy #txt-status { color: #b45309; }
.ready #txt-status { color: #15803d; } .error #txt-status { color: #b91c1c; }
.scroll { max-height: 420px; overflow-y: auto; }
.note { color: #6b7280; }
"""


def figure(html_id, caption, png, width):
    """A PNG file (bytes) with its caption (HTML), at most `width` px wide."""
    data = base64.b64encode(png).decode()
    return (
        f"<figure><figcaption>{caption}</figcaption>"
        f'<img id="{html_id}" alt="" style="max-width:{width}px" '
        f'src="data:image/png;base64,{data}"></figure>'
    )


def table(html_id, header, rows):
    """A table that scrolls; cells are text."""
    head = "".join(f"<th>{name}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table id="{html_id}"><tr>{head}</tr>{body}</table></div>'
