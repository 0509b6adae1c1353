"""Every code block of the README runs, in order, in a copy of the repository."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

# run by .ci/run itself, since this test runs inside `make test`
BY_CI = ("make demo", "make test", "make lint", "make docs")


def blocks(root, language):
    text = (root / "README.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def clone(clone_to, tmp_path_factory):
    return clone_to(tmp_path_factory.mktemp("readme"))


def test_commands_and_examples_run_as_printed(root, clone):
    for campaign in blocks(root, "yaml"):
        (clone / re.match(r"# (\w+\.yaml)\n", campaign)[1]).write_text(campaign)
    lines = [line for block in blocks(root, "bash") for line in block.splitlines() if line]
    assert len(lines) > 10
    for line in lines:
        if line in BY_CI:
            continue
        done = subprocess.run(
            shlex.split(line), cwd=clone, capture_output=True, text=True, env=os.environ
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    shapes = (
        "assert amplitude.shape == truth.shape == (32, 32) and patterns.shape == (16, 32, 32)",
        "assert truth.shape == (3, 128, 128) and parameters.shape == (15,), parameters.shape",
        "assert images.shape == (1, 64, 64, 10) and stacks.shape == (1, 4, 24, 24, 10)",
        "assert noisy.shape == clean.shape == (8, 64, 64) and movie.shape == (20, 256, 256)"
        " and window.shape[0] == 4",
        "assert picture.shape == again.shape == (96, 96) and alpha.shape == beta.shape == (29,)",
    )
    for block, shape in zip(blocks(root, "python"), shapes, strict=True):
        subprocess.run([sys.executable, "-c", f"{block}\n{shape}\n"], cwd=clone, check=True)
    assert (clone / "report.html").is_file()
    assert (clone / "grf_visualization.png").is_file()


def test_the_continuous_integration_runs_what_the_readme_tells_users(root):
    script = (root / ".ci" / "run").read_text()
    readme = (root / "README.md").read_text()
    for command in BY_CI:
        assert re.search(rf"^{command}\b", script, flags=re.MULTILINE), command
        assert command in readme


def test_links_of_the_readme_lead_somewhere(root):
    for target in re.findall(r"\]\(([^)#]+)\)", (root / "README.md").read_text()):
        assert (root / target).is_file(), target


def test_pages_of_the_documentation_exist(root):
    text = (root / "mkdocs.yml").read_text()
    for page in re.findall(r": (\S+\.md)$", text, flags=re.MULTILINE):
        assert Path(root / "docs" / page).is_file(), page
