"""The pages of the documentation: their code blocks, and what stands below them."""

import json
import re
import subprocess
import sys

DOMAINS = ("ptycho", "afm", "halo", "calcium", "lensing")
PROGRAM = r"^```python\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?"


def pages(root):
    return sorted((root / "docs").rglob("*.md"))


def blocks(page, language):
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page.read_text(), flags=re.MULTILINE | re.DOTALL)


def programs(page):
    """(program, output shown in the block directly below it or "") of every Python block."""
    return re.findall(PROGRAM, page.read_text(), flags=re.MULTILINE | re.DOTALL)


def run_blocks(texts, folder):
    """What programs print that run one after the other in one process, each with own names."""
    driver = (
        "import contextlib, io, json, sys\n"
        "printed = []\n"
        "for number, program in enumerate(json.load(sys.stdin), start=1):\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as stream:\n"
        "        exec(compile(program, f'block {number}', 'exec'), {'__name__': '__main__'})\n"
        "    printed.append(stream.getvalue())\n"
        "print(json.dumps(printed))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", driver],
        input=json.dumps(texts),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def named_campaigns(page):
    """{name: text} of the campaigns of a page whose first line is a comment with their name."""
    named = (re.match(r"# (\w+\.yaml)\n", text) for text in blocks(page, "yaml"))
    return {match[1]: match.string for match in named if match}
