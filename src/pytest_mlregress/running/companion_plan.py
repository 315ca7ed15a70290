"""How the companion's pytest is started: as this process was, in the base's checkout."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from pytest_mlregress.node_ids import in_file, split_file
from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.checkouts import absolute
from pytest_mlregress.revisions.companion import CompanionPlan
from pytest_mlregress.running.threads import THREAD_VARIABLES
from pytest_mlregress.settings import Settings

_PLACES: Final = ("-c", "--config-file", "--rootdir", "--confcutdir")
"""Options that say where the project is, which is another place for the base."""


def companion_plan(config: pytest.Config, settings: Settings, side: BaseSide) -> CompanionPlan:
    """The start of the companion of this process.

    The candidate's pytest configuration holds on both sides.

    Args:
        config: pytest's, of this process.
        settings: the settings of the run.
        side: the base.

    Returns:
        The plan.
    """
    started_in = config.invocation_params.dir
    given = [str(argument) for argument in config.invocation_params.args]
    args = [*_own_places(config, side), *_moved(_without_places(given), side)]
    if config.pluginmanager.hasplugin("_cov"):  # coverage is the candidate's alone
        args.insert(0, "--no-cov")
    variables: dict[str, str | None] = {}
    if settings.threads != "keep":
        variables = dict.fromkeys(THREAD_VARIABLES, str(settings.threads))
    return CompanionPlan(
        args=args,
        collect=[_moved_argument(argument, started_in, side) for argument in config.args],
        directory=side.moved(started_in),
        workerinput=_workerinput(config),
        variables=variables,
        import_roots=[side.moved(root) for root in _python_paths(config)],
        basetemp=_basetemp(config),
    )


def _own_places(config: pytest.Config, side: BaseSide) -> list[str]:
    places = [f"--rootdir={side.rootdir}", f"--confcutdir={side.moved(_confcutdir(config))}"]
    if config.inipath is not None:
        places += ["-c", str(config.inipath)]
    roots = _python_paths(config)
    if roots:  # would be read relative to the candidate's configuration file
        text = " ".join(shlex.quote(str(side.moved(root))) for root in roots)
        places += ["-o", f"pythonpath={text}"]
    return places


def _confcutdir(config: pytest.Config) -> Path:
    given: str | None = config.getoption("confcutdir", None)
    if given:
        return Path(absolute(config.invocation_params.dir / given))
    return config.inipath.parent if config.inipath is not None else config.rootpath


def _python_paths(config: pytest.Config) -> list[Path]:
    with suppress(KeyError, ValueError):  # the plugin that knows this setting may be blocked
        return [Path(path) for path in config.getini("pythonpath")]
    return []


def _without_places(args: Sequence[str]) -> Iterator[str]:
    words = iter(args)
    for word in words:
        if word in _PLACES:
            next(words, None)
        elif not word.startswith(tuple(f"{place}=" for place in _PLACES)):
            yield word


def _moved(args: Iterator[str], side: BaseSide) -> Iterator[str]:
    """Absolute paths of the candidate, alone or after a ``=``, as they are in the base."""
    for word in args:
        name, equals, value = word.rpartition("=") if word.startswith("-") else ("", "", word)
        yield name + equals + (str(side.moved(value)) if Path(value).is_absolute() else value)


def _moved_argument(argument: str, started_in: Path, side: BaseSide) -> str:
    """A test or folder to collect, absolute and in the base."""
    file, names = split_file(argument)
    return in_file(str(side.moved(absolute(started_in / file))), names)


def _workerinput(config: pytest.Config) -> dict[str, Any]:
    """What plugins expect in a process that xdist started: what this one got, or a worker would."""
    own: Mapping[str, Any] | None = getattr(config, "workerinput", None)
    if own is not None:
        return dict(own)
    workerinput: dict[str, Any] = {
        "workerid": "gw0",
        "workercount": 1,
        "testrunuid": "mlregress",
        "mainargv": ["pytest"],
    }
    node = SimpleNamespace(
        workerinput=workerinput, config=config, gateway=SimpleNamespace(id="gw0", spec=None)
    )
    hook = getattr(config.hook, "pytest_configure_node", None)
    if hook is not None:
        with suppress(Exception):  # a plugin that cannot cope does without
            hook(node=node)
    return {name: value for name, value in workerinput.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    """Whether execnet can send it."""
    import execnet

    try:
        execnet.dumps(value)
    except execnet.DumpError:
        return False
    return True


def _basetemp(config: pytest.Config) -> str | None:
    """A folder of its own where the user gave one, which pytest empties at its start."""
    given = config.option.basetemp
    return str(Path(absolute(given)) / "base") if given else None
