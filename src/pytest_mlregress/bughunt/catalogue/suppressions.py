"""What is said about suppressions themselves."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule

SUPPRESSION_WITHOUT_REASON: Final = Rule(
    slug="suppression-without-reason",
    chapter="suppressions",
    severity="warning",
    message="the comment suppresses {slugs} without saying why",
    fix="write the reason: # mlregress: ignore[{slugs}] because …",
    mistake="A comment `# mlregress: ignore[slug]` with nothing behind it. Write why.",
)

UNNEEDED_SUPPRESSION: Final = Rule(
    slug="unneeded-suppression",
    chapter="suppressions",
    severity="warning",
    message="{what} suppresses {slug}, which finds nothing here",
    fix="delete the suppression of {slug}",
    mistake="A suppressed check that ran and was silent. Delete the suppression.",
)

RULES: Final = (
    SUPPRESSION_WITHOUT_REASON,
    UNNEEDED_SUPPRESSION,
)
