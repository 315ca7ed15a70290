"""Every option, declared once for the command line, the ini file and the messages."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Final

import pytest

from pytest_mlregress.options.option import FLAG_PREFIX, INI_PREFIX, Option

OPTIONS: Final[tuple[Option, ...]] = (
    Option("update", "record the baselines of the selected tests", None),
    Option("update_new_only", "record only the baselines that do not exist yet", None),
    Option("prune", "delete baselines whose test is gone, after a complete green run", None),
    Option(
        "baseline",
        "where baselines are read and written: a folder, git:REF (read only) or an fsspec URL "
        "(default: __baselines__ beside each test file)",
        "baseline",
        "SOURCE",
    ),
    Option("against",
           "compare with the code of a git ref, trained here too: REF (its merge base), tip:REF, "
           "own-tests:REF, env:PYTHON (another environment) or REF,env:PYTHON",
           "against", "REF"),
    Option("missing", "a test without baseline: fail (default) or warn",
           ("fail", "warn")),
    Option("seeds", "seeds of a check, a number or 3,7,11 (default: the marker's, or 5)",
           "seeds", "N"),
    Option("baseline_seeds", "seeds of an update, exactly (default: as many as needed, see docs)",
           "baseline_seeds", "N"),
    Option("alpha", "chance that an unchanged run of the whole suite shows any false red (0.05)",
           "alpha", "A"),
    Option("strict", "inconclusive, unaffordable and minor verdicts fail too", None),
    Option("stop", "stop a test's seeds once its verdict is certain: early (default) or never",
           ("early", "never")),
    Option("curves", "end a run whose learning curve has collapsed: end (default) or off",
           ("end", "off")),
    Option("deterministic", "trainings ignore the seed on purpose: one seed, bit for bit", None),
    Option("env_mismatch", "baseline from another environment: fail, warn (default) or ignore",
           ("fail", "warn", "ignore")),
    Option("allow_dirty", "update from a working tree with uncommitted changes", None),
    Option("workers", "run the seeds in N processes that are forked once everything is collected "
           "and imported: a number, or auto", "workers", "N"),
    Option("engine", "where seeds run: local (default), ray (actors of a Ray cluster) or slurm "
           "(jobs of a Slurm array)", ("local", "ray", "slurm")),
    Option("ray_address", "the Ray cluster of the ray engine, as ray.init takes it: HOST:PORT, "
           "ray://HOST:PORT or auto (default: a cluster of this machine's cores for the run)",
           "not_empty", "ADDR"),
    Option("slurm_parameters", "an option of sbatch for the jobs of the slurm engine, such as "
           "partition=gpu; repeatable", "sbatch_option", "NAME=VALUE", repeat=True),
    Option("slurm_cluster", "where the jobs of the slurm engine run: slurm (default), or local "
           "(processes of this machine, to try it out)", ("slurm", "local")),
    Option("slurm_folder", "a folder that this machine and the nodes of the cluster share, for "
           "messages and logs (default: .mlregress/slurm in the rootdir)", "not_empty",
           "DIR"),
    Option("threads", "CPU threads per seed: a number (default 1), or keep", "threads", "N"),
    Option("tier", "which of a test's tiers (default: its first); all in a preflight",
           "not_empty", "NAME"),
    Option("guards", "passive bug guards while tests train: fail, warn (default) or off",
           ("fail", "warn", "off")),
    Option("preflight", "one step of every selected test, to see what would fail later", None),
    Option("plan", "run nothing: print what the planned seeds can detect", None),
    Option("progress", "what is said while seeds train: auto (default), live, lines or off",
           ("auto", "live", "lines", "off")),
    Option("report", "write a report; the suffix (.html, .json, .md, .codequality.json, "
           ".metrics.txt) says which; repeatable",
           "report", "FILE", repeat=True),
    Option("tracker", "log the run to an experiment tracker: mlflow:URI, mlflow (the URI is in "
           "MLFLOW_TRACKING_URI) or wandb:PROJECT; repeatable",
           "tracker", "TRACKER", repeat=True),
    Option("junit", "JUnit XML with all (default), or verdicts: without the seeds that passed",
           ("all", "verdicts")),
    Option("confirm", "before a red is reported, test it on fresh seeds of both sides", None),
    Option("dispersion", "a wider spread of the seeds alone: off (default), warn or fail",
           ("off", "warn", "fail")),
    Option("cache", "where trained seeds are kept: a folder or an fsspec URL (default: pytest's "
           "cache folder)", "place", "URL"),
    Option("history", "where past runs are kept: a file, an fsspec URL, or off (default: "
           ".mlregress/history.sqlite in the rootdir)", "place", "PATH"),
    Option("no_cache", "neither use nor keep trained seeds", None),
    Option("unchanged", "a test of which nothing that it reads has changed: run (default) or skip",
           ("run", "skip")),
    Option("audit", "share of the skipped tests that is trained all the same (0.05)",
           "share", "SHARE"),
    Option("shard", "train this job's share of the seeds, K of N jobs by recorded durations; "
           "mlregress merge then judges them all", "shard", "K/N"),
    Option("rebase_anchor", "accept a slow decay: move the drift anchor, the reason is kept",
           "not_empty", "REASON"),
)  # fmt: skip

DATA_FRACTION: Final = Option(
    "data_fraction", "the share of the data that tests train with", "positive_share", "SHARE"
)
"""For `mlregress curve` alone, which starts pytest with it: no check compares shares."""


def misspelt_option(arguments: Iterable[str]) -> str | None:
    """What is wrong with an argument that is no option of ours but looks like one.

    Args:
        arguments: of the command line.

    Returns:
        The argument, and the nearest option; None where all are well.
    """
    known = [option.flag.removeprefix(FLAG_PREFIX) for option in (*OPTIONS, DATA_FRACTION)]
    for argument in arguments:
        if argument == "--":
            return None
        flag = argument.partition("=")[0]
        name = flag.removeprefix(FLAG_PREFIX)
        if name != flag and name not in known:
            close = _nearest(name, known)
            remedy = f"did you mean {FLAG_PREFIX}{close}?" if close else "see pytest --help"
            return f"{flag}: no such option; {remedy}"
    return None


def add_options(parser: pytest.Parser) -> None:
    """Declare every option on the command line and in the ini file."""
    group = parser.getgroup("mlregress", "statistical ML regression tests")
    group.addoption(
        DATA_FRACTION.flag, dest=DATA_FRACTION.dest, default=None, help=argparse.SUPPRESS
    )
    for option in OPTIONS:
        if option.value is None:
            group.addoption(
                option.flag, dest=option.dest, action="store_true", default=None, help=option.help
            )
            parser.addini(option.ini, option.help, type="bool", default=None)
        elif option.repeat:
            group.addoption(
                option.flag,
                dest=option.dest,
                action="append",
                default=None,
                metavar=option.metavar,
                help=option.help,
            )
            parser.addini(option.ini, option.help, type="linelist", default=None)
        else:
            group.addoption(
                option.flag,
                dest=option.dest,
                default=None,
                metavar=option.metavar or "CHOICE",
                help=option.help,
            )
            parser.addini(option.ini, option.help, type="string", default=None)


def misspelt_key(keys: Iterable[str]) -> str | None:
    """What is wrong with a key of the ini file that is none of ours but looks like one.

    It would be a mere warning of pytest's, and the default hold in its place.

    Args:
        keys: of the ini file.

    Returns:
        The key, and the nearest setting; None where all are well.
    """
    known = [option.field for option in OPTIONS]
    for key in keys:
        field = key.removeprefix(INI_PREFIX)
        if field != key and field not in known:
            close = _nearest(field, known)
            remedy = f"did you mean {INI_PREFIX}{close}?" if close else "see pytest --help"
            return f"ini {key}: no such setting; {remedy}"
    return None


def _nearest(name: str, known: list[str]) -> str | None:
    from difflib import get_close_matches  # not at every start of pytest

    return next(iter(get_close_matches(name, known, n=1)), None)
