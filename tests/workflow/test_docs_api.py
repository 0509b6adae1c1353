"""The API pages show every public name, and the pages name only what there is."""

import importlib
import os
import re
import subprocess
import sys

import pytest
from docs_pages import DOMAINS, pages


def shown(root, page):
    """Dotted names of the objects that an API page shows, in its order."""
    text = (root / "docs" / "api" / f"{page}.md").read_text()
    return re.findall(r"^::: (simlab[\w.]+)$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("domain", DOMAINS)
def test_an_api_page_shows_the_public_names_of_its_domain_and_nothing_else(root, domain):
    package = importlib.import_module(f"simlab.{domain}")
    text = (root / "docs" / "api" / f"{domain}.md").read_text()
    listed = shown(root, domain)
    for path in listed:
        module, name = path.rsplit(".", 1)
        assert getattr(importlib.import_module(module), name) is getattr(package, name), path
    names = [path.rsplit(".", 1)[1] for path in listed]
    names += re.findall(rf"`simlab\.{domain}\.(\w+)`", text)
    assert sorted(names) == list(package.__all__)


def test_the_api_page_of_core_shows_objects_that_exist(root):
    listed = shown(root, "core")
    assert len(listed) == len(set(listed)) > 20
    for path in listed:
        module, name = path.rsplit(".", 1)
        assert hasattr(importlib.import_module(module), name), path


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_public_docstring_tells_more_than_the_name(root, domain):
    package = importlib.import_module(f"simlab.{domain}")
    for path in shown(root, domain):
        thing = getattr(package, path.rsplit(".", 1)[1])
        if isinstance(thing, type) or callable(thing):
            assert len((thing.__doc__ or "").split()) > 2, path


@pytest.fixture(scope="module")
def sources(root):
    """The library as the API pages see it: read, not imported."""
    from griffe import GriffeLoader

    folder = root / "workflow" / "scripts"
    loader = GriffeLoader(search_paths=[folder], allow_inspection=False)
    loader.load("simlab")
    return loader.modules_collection


def functions(thing):
    """A function, or the functions of a class, that have a docstring."""
    thing = thing.final_target if thing.is_alias else thing
    members = [member for member in thing.members.values() if thing.is_class]
    return [f for f in (thing, *members) if not f.is_alias and f.is_function and f.docstring]


def entries(function, kind):
    """Entries of the docstring's sections of a kind: `parameters`, `returns`."""
    sections = function.docstring.parse("numpy")
    return [entry for section in sections if section.kind.value == kind for entry in section.value]


@pytest.mark.parametrize("page", [*DOMAINS, "core"])
def test_api_pages_tell_the_parameters_and_defaults_of_the_code(root, sources, page):
    for function in [f for path in shown(root, page) for f in functions(sources[path])]:
        real = {p.name: str(p.default).replace('"', "'") for p in function.parameters}
        for entry in entries(function, "parameters"):
            name = entry.name.lstrip("*")
            assert name in real, (function.path, name)
            told = str(entry.value).replace('"', "'")
            assert told == real[name] or entry.name.startswith("*"), (function.path, name)
        for entry in entries(function, "returns"):
            assert entry.name not in ("Errors", "Raises"), (function.path, "a section of its own")


def test_pages_name_commands_and_functions_that_exist(root):
    commands = {
        domain: re.findall(
            r"^## ([\w-]+)$", (root / "docs" / f"{domain}-commands.md").read_text(), re.MULTILINE
        )
        for domain in DOMAINS
    }
    assert all(len(names) > 4 for names in commands.values())
    for page in pages(root):
        text = page.read_text()
        for domain, command in re.findall(r"simlab (\w+) ([a-z][a-z-]+)\b", text):
            if domain in commands:
                assert command in commands[domain], (page.name, domain, command)
        for line in re.findall(r"from (simlab(?:\.\w+)*) import ([\w, ]+)$", text, re.MULTILINE):
            module = importlib.import_module(line[0])
            for name in line[1].split(", "):
                assert hasattr(module, name) or importlib.import_module(f"{line[0]}.{name}"), line


def test_every_page_is_in_the_navigation_once(root):
    import yaml

    def leaves(entry):
        if isinstance(entry, str):
            return [entry]
        parts = entry.values() if isinstance(entry, dict) else entry
        return [page for part in parts for page in leaves(part)]

    nav = yaml.safe_load((root / "mkdocs.yml").read_text())["nav"]
    docs = root / "docs"
    assert sorted(leaves(nav)) == sorted(path.relative_to(docs).as_posix() for path in pages(root))


def test_the_site_builds_without_warnings(root, tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        [*command, "--quiet"],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for domain in DOMAINS:
        assert (tmp_path / f"{domain}-how-to" / "index.html").is_file()
        shows = (tmp_path / "api" / domain / "index.html").read_text()
        for path in shown(root, domain):
            assert f'id="{path}"' in shows, path
