"""The catalogue: one rule a mistake, a file a chapter.

Every finding is built from its rule, by hunts and guards alike, and the pages of
``docs/bughunt`` are generated from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pytest_mlregress.bughunt.catalogue import (
    evaluation,
    gradients,
    leakage,
    learning,
    losses,
    parameters,
    reshaping,
    suppressions,
    training_step,
)
from pytest_mlregress.bughunt.catalogue.rule import Chapter, Rule, Text

__all__ = ["RULES", "Chapter", "Rule", "Text"]

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        rule.slug: rule
        for chapter in (
            losses,
            reshaping,
            leakage,
            gradients,
            parameters,
            training_step,
            evaluation,
            learning,
            suppressions,
        )
        for rule in chapter.RULES
    }
)
"""Every rule by its slug, chapter by chapter."""
