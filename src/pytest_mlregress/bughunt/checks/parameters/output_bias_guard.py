"""Output layers without a bias whose targets are far from zero."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.autograd.graph import Node
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.parameters import MISSING_OUTPUT_BIAS
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall, Progress
from pytest_mlregress.bughunt.listening.node_marks import Mark, is_shape_node, mark_of
from pytest_mlregress.bughunt.torch_api._private import leaf_of, node_of
from pytest_mlregress.bughunt.torch_api.loss_functions import EXPECTS
from pytest_mlregress.bughunt.torch_api.operators import (
    DIVISIONS,
    NORMALISATIONS,
    SHAPE,
    WEIGHT_PRODUCTS,
)

LOOKS = 3
FEWEST_TARGETS = 8
FAR = 3.0
RARE = 0.1
_NORMALISING = NORMALISATIONS | DIVISIONS


class OutputBiases(Detector):
    """Predictions without a bias whose targets lie far to one side.

    The predictions are a product with one parameter, nothing is added, and in every step the
    mean of the targets is beyond three standard deviations, or fewer than one in ten are
    positive.

    All calls of a step count together: a discriminator is told the real and the generated in
    calls of their own. Features that come straight from data (a column of ones among them) or
    from a normalisation pass.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._looks: dict[str | None, int] = {}
        self._targets: dict[str | None, _Targets] = {}

    def on_call(self, call: ObservedCall) -> None:
        kind = EXPECTS.get(call.name)
        if kind not in ("values", "binary-logits") or not call.direct:
            return
        given, target = call.argument(0, "input"), call.argument(1, "target")
        if not isinstance(given, torch.Tensor) or not isinstance(target, torch.Tensor):
            return
        made = None if target.requires_grad else _bare_product(given)
        if made is None or self._looks.get(made.location, 0) < 0:
            return
        new = _Targets(made, kind == "binary-logits")
        self._targets.setdefault(made.location, new).add(target.detach())

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        targets, self._targets = self._targets, {}
        for line, one in targets.items():
            evidence = one.offset()
            if evidence is None:
                self._looks[line] = -1
                continue
            looks = self._looks[line] = self._looks.get(line, 0) + 1
            if looks == LOOKS:
                self.progress.report(_finding(one.made, evidence))


def _bare_product(given: torch.Tensor) -> Mark | None:
    """The call that multiplied features with a parameter to make these predictions."""
    node = node_of(given)
    while node is not None:
        made = mark_of(node)
        if made is not None and made.name in WEIGHT_PRODUCTS:
            return made if _has_one_factor(node) else None
        if not is_shape_node(node) and (made is None or made.name not in SHAPE):
            return None
        node = node.next_functions[0][0] if node.next_functions else None
    return None


def _has_one_factor(product: Node) -> bool:
    """Whether the only parameter of a product is a matrix, and the features are made and bare."""
    leaves: list[torch.Tensor] = []
    features: list[Node] = []
    queue = [product]
    for node in queue:
        for parent, _ in node.next_functions:
            if parent is None:
                continue
            leaf, made = leaf_of(parent), mark_of(parent)
            if leaf is not None:
                leaves.append(leaf)
            elif made is not None and made.name not in SHAPE:
                features.append(parent)
            elif len(queue) < 16:
                queue.append(parent)
    makers = [mark_of(node) for node in features]
    normalised = any(made is not None and made.name in _NORMALISING for made in makers)
    matrix = len(leaves) == 1 and isinstance(leaves[0], nn.Parameter) and leaves[0].dim() == 2
    return matrix and len(features) == 1 and not normalised


@dataclass(slots=True)
class _Targets:
    """The targets of one product in one step, as their number, sum and sum of squares.

    Attributes:
        made: the product.
        binary: whether they are probabilities.
        varied: whether those of any one call differ; else they are labels, "real" or "fake".
        values: one target of each call.
    """

    made: Mark
    binary: bool
    floating: bool = True
    varied: bool = False
    values: set[float] = field(default_factory=set)
    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, target: torch.Tensor) -> None:
        """Count those of one more call."""
        self.floating = self.floating and target.is_floating_point()
        if not self.floating or target.numel() == 0:
            return
        flat = target.double().flatten()
        self.varied = self.varied or bool((flat != flat[0]).any())
        self.values.add(float(flat[0]))
        self.count += flat.numel()
        self.total += float(flat.sum())
        self.squares += float(flat.square().sum())

    def offset(self) -> str | None:
        """Why a bias is needed, in numbers; None where it may have nothing to do."""
        if self.count < FEWEST_TARGETS or not self.floating:
            return None
        mean = self.total / self.count
        if self.binary:
            several = self.varied or len(self.values) > 1
            rare = several and 0 < min(mean, 1 - mean) < RARE
            return f"{mean:.0%} of the targets are positive" if rare else None
        spread = math.sqrt(max(self.squares - self.count * mean**2, 0.0) / (self.count - 1))
        if abs(mean) <= FAR * spread or not self.varied:
            return None
        return f"targets have mean {mean:.3g} and standard deviation {spread:.3g}"


def _finding(made: Mark, evidence: str) -> Finding:
    return MISSING_OUTPUT_BIAS.finding(
        "one-sided targets", location=made.location, evidence=evidence
    )
