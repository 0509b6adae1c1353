"""Every command explains itself."""

import re

import pytest
import typer

from simlab import cli


def commands():
    """(domain, command) of all commands; None for that of a domain itself."""
    for domain, (_, load) in cli.DOMAINS.items():
        yield domain, None
        group = typer.main.get_command(load())
        for name in sorted(getattr(group, "commands", {})):
            yield domain, name


@pytest.mark.parametrize(("domain", "command"), list(commands()))
def test_every_command_has_help_for_all_its_options(capsys, monkeypatch, domain, command):
    monkeypatch.setenv("COLUMNS", "300")
    words = [domain] if command is None else [domain, command]
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--help"])
    assert not ended.value.code
    shown = re.sub(r"\s+", "", capsys.readouterr().out)
    assert "Usage:" in shown
    group = typer.main.get_command(cli.DOMAINS[domain][1]())
    asked = group if command is None else group.commands[command]
    for parameter in asked.params:
        for option in parameter.opts:
            if option.startswith("--") and not parameter.hidden:
                assert option[:12] in shown
