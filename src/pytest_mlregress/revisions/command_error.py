"""The error of a command that cannot be carried out."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot do what it was asked for; the text says why, and what to do.

    Its subcommand ends with exit status 2, and that text as its only line.
    """
