"""docs/reference.md names what is there, and leaves nothing out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import click
import pytest

import pytest_mlregress
from pytest_mlregress import bughunt, cli, statistics
from pytest_mlregress.options import OPTIONS
from pytest_mlregress.running.recorded_metric import UNSET
from pytest_mlregress.running.regression_tests import MARKER_HELP
from pytest_mlregress.running.run import Run
from pytest_mlregress.running.run_record import RunRecord
from pytest_mlregress.settings import MARKER_ARGUMENTS, Settings

REFERENCE = (Path(__file__).parents[1] / "docs" / "reference.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text of a section, without its heading."""
    return re.split(r"^## ", REFERENCE.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


def signature_in_docs(name: str) -> list[str]:
    """The parameters of a call as the reference writes it, with their defaults."""
    return re.search(rf"`{re.escape(name)}\(([^`]*)\)`", REFERENCE).group(1).split(", ")


def signature_in_code(function: object) -> list[str]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    written = []
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in written:
            written.append("*")
        if parameter.kind is parameter.VAR_KEYWORD:
            written.append(f"**{parameter.name}")
            continue
        default = parameter.default
        if default is UNSET:  # due, but a metric may know it by itself
            default = parameter.empty
        text = f'"{default}"' if isinstance(default, str) else repr(default)
        written.append(parameter.name + ("" if default is parameter.empty else f"={text}"))
    return written


CALLED_BY_THE_PLUGIN = {"take_forwarded", "test"}
"""Of the fixture's object: what a test has no use for."""


def test_options() -> None:
    documented = re.findall(r"^\| `--(mlregress-[a-z-]+)", section("Options"), re.MULTILINE)
    assert sorted(documented) == sorted(option.flag.removeprefix("--") for option in OPTIONS)


def test_choices_of_an_option_are_those_of_its_setting() -> None:
    documented = {
        name.replace("-", "_"): set(choices.split(","))
        for name, choices in re.findall(r"--mlregress-([a-z-]+)=\{([a-z,]+)\}", REFERENCE)
    }
    declared = {
        name: set(get_args(kind))
        for name, kind in get_type_hints(Settings).items()
        if get_origin(kind) is Literal and name not in MARKER_ARGUMENTS
    }
    assert documented == declared


def test_markers() -> None:
    documented = re.findall(r"^`([a-z]+)\(", section("Markers"), re.MULTILINE)
    assert sorted(documented) == sorted(re.match(r"[a-z]+", line)[0] for line in MARKER_HELP)


def test_arguments_of_the_marker() -> None:
    names = [argument.partition("=")[0] for argument in signature_in_docs("mlregress")]
    assert sorted(names) == sorted(MARKER_ARGUMENTS)


def test_attributes_of_the_fixture() -> None:
    entry = section("Fixtures").split("\n`seed`")[0]
    documented = re.findall(r"`\.([a-z_]+)[`(]", entry)
    run = Run(
        test="t.py::test",
        seed=0,
        tier="default",
        params={},
        make_tmp_path=Path,
        record=RunRecord(),
    )
    public = [name for name in dir(run) if not name.startswith("_")]
    assert sorted(documented) == sorted(set(public) - CALLED_BY_THE_PLUGIN)


@pytest.mark.parametrize(
    "method",
    [
        *("record", "record_all", "log", "log_params", "fingerprint"),
        *("lightning_logger", "transformers_callback", "keras_callback"),
    ],
)
def test_signatures_of_the_fixture(method: str) -> None:
    assert signature_in_docs(f".{method}") == signature_in_code(getattr(Run, method))


OF_FILES = ("compare", "merge", "verify")
"""Commands that read the files they are given, and no suite."""


def test_commands() -> None:
    documented = re.findall(r"^\| `mlregress ([a-z]+)", REFERENCE, re.MULTILINE)
    assert sorted(documented) == sorted(cli.COMMANDS)
    context = click.Context(cli.main)
    for name in cli.COMMANDS:
        command = cli.main.get_command(context, name)
        assert command is not None
        options = [p for p in command.params if isinstance(p, click.Option)]
        expected = {"--json"} if name in OF_FILES else {"--json", "--rootdir"}
        assert expected <= {name for option in options for name in option.opts}


def test_functions_of_statistics() -> None:
    entry = section("Python").split("`pytest_mlregress.statistics`")[1]
    entry = entry.split("`pytest_mlregress.bughunt`")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", entry, re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)]
    assert sorted(documented) == sorted(
        name for name in statistics.__all__ if inspect.isfunction(getattr(statistics, name))
    )


def test_names_of_bughunt() -> None:
    entry = section("Python").split("`pytest_mlregress.bughunt`")[1]
    assert set(re.findall(r"`([A-Za-z_]+)`", entry)) == set(bughunt.__all__)


def test_names_of_the_package() -> None:
    entry = section("Python").split("`pytest_mlregress.statistics`")[0]
    rows = re.findall(r"^\| `([A-Za-z]+)", entry, re.MULTILINE)
    assert sorted(rows) == sorted(set(pytest_mlregress.__all__) - {"__version__"})
