"""The command ``mlregress``: one subcommand a file, imported when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from pytest_mlregress import __version__

__all__ = ["COMMANDS", "main"]

COMMANDS: Final = {
    "ablate": "ablate",
    "bisect": "bisect",
    "compare": "compare",
    "curve": "curve",
    "diff": "diff",
    "doctor": "doctor",
    "explain": "explain",
    "health": "health",
    "history": "history",
    "init": "init",
    "list": "list_baselines",
    "merge": "merge",
    "plan": "plan",
    "prune": "prune",
    "replay": "replay",
    "show": "show",
    "tiers": "tiers",
    "verify": "verify",
}
"""The module of this folder in which each subcommand is, under the module's own name."""


class _Subcommands(click.Group):
    """Imports a subcommand when it is needed, so that none pays for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, sorted.

        Args:
            ctx: click's.

        Returns:
            Them.
        """
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One subcommand.

        Args:
            ctx: click's.
            cmd_name: its name.

        Returns:
            It; None where there is none of that name.
        """
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found = getattr(import_module(f"{__name__}.{module}"), module)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=_Subcommands)
@click.version_option(__version__, prog_name="pytest-mlregress")
def main() -> None:
    """Baselines, plans, and which change did it."""
