"""What is known of one mistake, in one place, for hunts, guards and the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from pytest_mlregress.bughunt.findings import Finding, Severity

Chapter = Literal[
    "evaluation",
    "gradients",
    "leakage",
    "learning",
    "losses",
    "parameters",
    "reshaping",
    "suppressions",
    "training_step",
]


@dataclass(frozen=True)
class Text:
    """What a finding says, where one mistake shows in several ways.

    Attributes:
        message: what the code does, in one sentence; a template for `str.format`.
        fix: what to write instead, a template too; None for that of the rule.
        severity: None for that of the rule.
    """

    message: str
    fix: str | None = None
    severity: Severity | None = None


@dataclass(frozen=True)
class Rule:
    """One mistake: its name, what its findings say, and what the documentation says of it.

    Attributes:
        slug: its name in ``checks=``, ``suppress=`` and comments.
        chapter: the folder of its checks and its page in the documentation.
        severity: of its findings, unless one says otherwise.
        message: what the code does, in one sentence; a template for `str.format`.
        fix: what to write instead, a template too.
        mistake: what is wrong, for a reader who has no program at hand.
        example: code that makes the mistake.
        repaired: the same without it.
        sees: by what it is found.
        cannot_see: where it is not.
        guarded: whether guards find it in a training that they only listen to.
        variants: other texts, by the way in which the mistake shows.
    """

    slug: str
    chapter: Chapter
    severity: Severity
    message: str
    fix: str
    mistake: str
    example: str = ""
    repaired: str = ""
    sees: str = ""
    cannot_see: str = ""
    guarded: bool = False
    variants: Mapping[str, Text] = field(default_factory=lambda: MappingProxyType({}))

    def finding(
        self,
        variant: str = "",
        *,
        severity: Severity | None = None,
        module: str | None = None,
        location: str | None = None,
        evidence: str = "",
        **values: object,
    ) -> Finding:
        """A finding of this mistake.

        Args:
            variant: which of `variants` it is; "" is the text of the rule itself.
            severity: where this finding's is not that of its text.
            module: dotted name of the module or parameter concerned.
            location: ``file:line`` in the user's code.
            evidence: the numbers that were seen.
            **values: what the placeholders of message and fix stand for.

        Raises:
            KeyError: there is no such variant, or a placeholder has no value.
        """
        text = self.variants[variant] if variant else Text(self.message)
        return Finding(
            check=self.slug,
            severity=severity or text.severity or self.severity,
            message=text.message.format_map(values),
            module=module,
            location=location,
            evidence=evidence,
            fix=(self.fix if text.fix is None else text.fix).format_map(values),
        )
