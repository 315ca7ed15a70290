"""How a search is carried out, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SearchSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How a search is carried out.

    Attributes:
        metric: the metric; None for the one that lost most.
        confidence: the posterior probability that an answer needs.
        budget: the most trainings, those from the cache included.
        batch: the number of seeds that train at once.
        seeds: the seeds that the test can be run with, in their order.
        deterministic: whether the test declares that it ignores the seed: one training a state says
            all.
    """

    metric: str | None
    confidence: float
    budget: int
    batch: int
    seeds: tuple[int, ...]
    deterministic: bool = False
