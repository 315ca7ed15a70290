"""Each tool's own entry points on one program; what it complains about, as strings.

A complaint is what the tool treats as a failure; what it only warns of begins with `WARNING`. An
exception that is not the tool's own verdict is `NotApplicableError`.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .figures import WARNING
from .situation import NotApplicableError, Situation, flat

Adapter = Callable[[Situation], list[str]]
STEPS = 200


def torchtest2(case: Situation) -> list[str]:
    """``torchtest2.check_model`` with the program's loss and optimizer."""
    import torchtest2 as tool

    report = tool.check_model(
        case.model, case.inputs, loss_fn=case.loss_of, optimizer=case.optimizer
    )
    failures = [f"{result.name}: {result.message}" for result in report.failures]
    return failures + [f"{WARNING}{r.name}: {r.message}" for r in report.warnings]


def pytest_torch(case: Situation) -> list[str]:
    """The inference contract, gradients, coverage, one-batch overfit and a monitored training."""
    import pytest_torch as tool

    def contract() -> None:
        mode = case.model.training
        tool.check_inference_contract(case.model.eval(), case.inputs)
        case.model.train(mode)

    def training() -> None:
        tool.run_training(
            lambda: (case.model, case.optimizers), case.batch, lambda *_: case.step(), steps=3
        ).assert_healthy()

    return complaints(
        contract,
        lambda: tool.assert_gradients_finite(case.model, case.inputs, case.loss_of),
        lambda: tool.assert_all_params_receive_grad(case.model, case.inputs, case.loss_of),
        lambda: tool.assert_optimizer_coverage(case.model, case.optimizers),
        lambda: tool.assert_overfits_one_batch(case.model, case.inputs, case.loss_of),
        training,
    )


def torch_audit(case: Situation) -> list[str]:
    """Static and dynamic audit around the program's own step."""
    import torch_audit as tool

    auditor = tool.autopatch(case.model, optimizer=flat(case.optimizers)[0], every_n_steps=1)
    try:
        for _ in range(3):
            case.step()
    finally:
        auditor.unpatch()
    prefixes = {"WARN": WARNING, "ERROR": "", "FATAL": ""}
    return [
        f"{prefixes[finding.severity.value]}{finding.rule_id}: {finding.message}"
        for finding in auditor.finish().findings
        if finding.severity.value in prefixes
    ]


def tinytorchtest(case: Situation) -> list[str]:
    """Variables change, no NaN, no Inf: the suite of the tool's own example."""
    from tinytorchtest import tinytorchtest as tool

    names = tool.VariablesChangeException, tool.NaNTensorException, tool.InfTensorException
    if not isinstance(case.inputs, tuple):
        raise NotApplicableError("keyword arguments")
    suite = tool.TinyTorchTest(
        case.model,
        lambda output, *_: case.loss_of(output),
        case.optimizer,
        list(case.inputs),
        supervised=False,
    )
    try:
        suite.test(test_vars_change=True, test_nan_vals=True, test_inf_vals=True)
    except names as error:
        return [f"{type(error).__name__}: {error}"]
    return []


def torcheck(case: Situation) -> list[str]:
    """Parameters change and stay finite over three of the program's own steps."""
    from torcheck.registry import Registry

    tool = Registry()
    tool.register(case.optimizer)
    # Its finite check takes a model's output for one tensor.
    finite = isinstance(case.output, torch.Tensor)
    tool.add_module(case.model, changing=True, check_nan=finite, check_inf=finite)
    try:
        for _ in range(3):
            case.step()
    except RuntimeError as error:
        if "errors are detected" in str(error) or "Module's output contains" in str(error):
            return str(error).splitlines()
        raise
    return []


def lightning(case: Situation) -> list[str]:
    """200 ``overfit_batches`` of the same data with ``detect_anomaly``; 5 % of the first loss."""
    import pytorch_lightning as tool

    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    losses: list[float] = []

    class Wrapped(tool.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.inner = case.model

        def training_step(self, batch: Any, index: int) -> None:
            with torch.no_grad(), torch.random.fork_rng():
                losses.append(float(case.arguments["loss_fn"](self.inner, case.batch)))
            case.step()

        def configure_optimizers(self) -> list[torch.optim.Optimizer]:
            return flat(case.optimizers)

    trainer = tool.Trainer(
        overfit_batches=STEPS,
        detect_anomaly=True,
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    try:
        trainer.fit(
            Wrapped(),
            torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.arange(STEPS))),
        )
    except RuntimeError as error:
        if "nan" in str(error).lower():
            return [f"detect_anomaly: {error}"]
        raise
    reached = losses[-1] <= 0.05 * losses[0]
    return [] if reached else [f"overfit_batches: {losses[0]:.3g} -> {losses[-1]:.3g}"]


def bolts(case: Situation) -> list[str]:
    """``BatchGradientVerification`` of Lightning Bolts, on the model's inputs."""
    prepare_bolts()
    from pl_bolts.callbacks.verification.batch_gradient import BatchGradientVerification

    inputs = case.inputs
    leaves = list(inputs.values()) if isinstance(inputs, dict) else list(inputs)
    if not all(isinstance(leaf, torch.Tensor) and leaf.is_floating_point() for leaf in leaves):
        raise NotApplicableError("inputs that are not floating point")
    single = leaves[0] if len(leaves) == 1 else inputs
    good = BatchGradientVerification(case.model).check(single)
    return [] if good else ["data is mixed across the batch dimension"]


ADAPTERS: dict[str, Adapter] = {
    "torchtest2": torchtest2,
    "pytest-torch": pytest_torch,
    "torch-audit": torch_audit,
    "tinytorchtest": tinytorchtest,
    "torcheck": torcheck,
    "pytorch-lightning overfit_batches, detect_anomaly": lightning,
    "lightning-bolts BatchGradientVerification": bolts,
}


def complaints(*checks: Callable[[], object]) -> list[str]:
    """First lines of the assertion errors of the checks; a check that cannot run says nothing."""
    found, unable = [], []
    for check in checks:
        try:
            check()
        except AssertionError as error:
            found.append(str(error).splitlines()[0])
        except Exception as error:
            unable.append(error)
    if len(unable) == len(checks):
        raise NotApplicableError(str(unable[0]))
    return found


def prepare_bolts() -> None:
    """Let the verification module of Bolts 0.7 import: it asks for more than it uses.

    The packages around it import torchvision, and the module itself a name that Lightning 2.x has
    moved to lightning-utilities.
    """
    from lightning_utilities.core.apply_func import apply_to_collection

    if "pl_bolts" in sys.modules:
        return
    spec = importlib.util.find_spec("pl_bolts")
    if spec is None or not spec.submodule_search_locations:
        raise NotApplicableError("lightning-bolts is not installed")
    moved = types.ModuleType("pytorch_lightning.utilities.apply_func")
    moved.apply_to_collection = apply_to_collection  # type: ignore[attr-defined]
    sys.modules[moved.__name__] = moved
    root = Path(next(iter(spec.submodule_search_locations)))
    for name in ("pl_bolts", "pl_bolts.callbacks", "pl_bolts.utils"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
