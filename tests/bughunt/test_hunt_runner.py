"""What `hunt` promises beside its findings: nothing touched, bad input named."""

from __future__ import annotations

import dataclasses
import gc
import random
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from small_program import BATCH, WHOLE, loss_fn, make_model, make_optimizer, slugs, train_step
from torch import nn

from pytest_mlregress.bughunt import BughuntError, hunt, registry


def test_a_correct_program_hears_nothing_and_no_check_breaks():
    findings = hunt(make_model, BATCH, **WHOLE)
    assert findings == []
    assert [skip for skip in findings.skipped if "internal error" in skip.reason] == []


class SparselyEmbedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 8, sparse=True), nn.Linear(8, 3)

    def forward(self, ids):
        return self.head(self.embed(ids).mean(1))


class OnAGraph(nn.Module):
    def __init__(self, layout=torch.sparse_coo):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 3)
        adjacency = (torch.eye(8) + torch.eye(8).roll(1, 0)) / 2
        self.register_buffer("adjacency", adjacency.to_sparse(layout=layout))

    def forward(self, x):
        return self.last(self.adjacency @ self.first(self.adjacency @ x).relu())


class OfComplexNumbers(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(0.3 * torch.randn(4, 3, dtype=torch.cfloat))

    def forward(self, x):
        return x.to(torch.cfloat) @ self.weight


def complex_error(model, batch):
    return (model(batch[0]) - batch[1]).abs().square().mean()


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


TOKENS = torch.randint(20, (8, 5), generator=torch.Generator().manual_seed(0))
WAVES = torch.randn(8, 3, dtype=torch.cfloat, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("parts", ["loss", "evaluation", "all"])
@pytest.mark.parametrize(
    ("network", "batch", "loss"),
    [
        (SparselyEmbedded, (TOKENS, BATCH[1]), loss_fn),
        (OnAGraph, BATCH, loss_fn),
        (OfComplexNumbers, (BATCH[0], WAVES), complex_error),
        (lambda: nn.Linear(4, 3), (BATCH[0][0], BATCH[1][0]), loss_fn),
    ],
    ids=["sparse gradients", "sparse buffer", "complex", "one example"],
)
@pytest.mark.filterwarnings("ignore:Sparse")
def test_sparse_and_complex_tensors_break_no_check(network, batch, loss, parts):
    def step(model, optimizer, batch):
        optimizer.zero_grad()
        loss(model, batch).backward()
        optimizer.step()

    @torch.no_grad()
    def evaluate(model, batches):
        model.eval()
        value = sum(float(loss(model, each)) for each in batches)
        model.train()
        return value

    program = {"evaluate": evaluate, "val_batches": [batch]} if parts != "loss" else {}
    if parts == "all":
        program |= {"train_step": step, "make_optimizer": sgd, "train_batches": [batch, batch]}
    findings = hunt(network, batch, loss_fn=loss, **program)
    assert [f for f in findings if f.severity != "info"] == []
    assert [skip for skip in findings.skipped if "internal error" in skip.reason] == []


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_sparse_buffer_of_the_users_own_model_is_put_back(layout):
    model = OnAGraph(layout)
    before = model.adjacency.to_dense()

    def loss(model, batch):
        model.adjacency.copy_(2 * model.adjacency)
        return loss_fn(model, batch)

    hunt(lambda: model, BATCH, loss_fn=loss, checks=["nan-gradient"])
    assert torch.equal(model.adjacency.to_dense(), before)


def test_the_loss_alone_is_enough():
    findings = hunt(make_model, BATCH, loss_fn=loss_fn)
    assert findings == []
    assert any("needs train_step" in skip.reason for skip in findings.skipped)


def global_state():
    return (
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
        torch.is_anomaly_enabled(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        nn.Module.__init__,
        nn.Module.__setattr__,
        nn.Module.train,
        torch.optim.Optimizer.zero_grad,
        torch.autograd.backward,
        torch.manual_seed,
    )


def test_the_users_model_batch_random_state_and_modes_are_left_as_they_were():
    model = make_model().eval()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    batch = (BATCH[0].clone(), BATCH[1].clone())
    with torch.no_grad():
        state = global_state()
        hunt(lambda: model, batch, **WHOLE)
        assert global_state() == state
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert not any(module.training for module in model.modules())
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert model[3].weight.grad is None
    assert all(torch.equal(one, other) for one, other in zip(batch, BATCH, strict=True))


def test_findings_print_check_place_evidence_and_fix():
    def doubled(model, batch):
        return F.cross_entropy(model(batch[0]).softmax(-1), batch[1])

    findings = hunt(make_model, BATCH, loss_fn=doubled, checks=["softmax-into-cross-entropy"])
    [finding] = findings.errors
    line = doubled.__code__.co_firstlineno + 1
    assert str(findings).splitlines()[:2] == [
        "1 error, 0 warnings, 0 suppressed, 0 checks skipped",
        f"error: softmax-into-cross-entropy at {__file__}:{line}",
    ]
    assert "sums to 1.0000" in finding.evidence
    assert finding.fix in str(findings)


def test_an_unknown_slug_is_an_error_with_the_near_ones():
    with pytest.raises(ValueError, match="no check 'missing-zerograd'; did you mean 'missing-zero"):
        hunt(make_model, BATCH, loss_fn=loss_fn, checks=["missing-zerograd"])
    with pytest.raises(ValueError, match="suppress: there is no check"):
        hunt(make_model, BATCH, loss_fn=loss_fn, suppress=["bach-leak"])
    with pytest.raises(ValueError, match="not the string"):
        hunt(make_model, BATCH, loss_fn=loss_fn, checks="dead-relu")


def test_a_budget_of_nothing_says_what_was_not_checked():
    findings = hunt(make_model, BATCH, **WHOLE, budget_s=0.0)
    reasons = {skip.check: skip.reason for skip in findings.skipped}
    assert "raise budget_s" in reasons["missing-zero-grad"]


def test_a_first_step_that_imports_slowly_does_not_cost_the_long_checks(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(
        "import time\nstarted = time.thread_time()\n"
        "while time.thread_time() - started < 1.5:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def importing_step(model, optimizer, batch):
        import slow_to_import  # noqa: F401

        train_step(model, optimizer, batch)

    findings = hunt(
        make_model,
        BATCH,
        **{**WHOLE, "train_step": importing_step},
        checks=["no-single-batch-overfit"],
        budget_s=30.0,  # 120 steps as slow as the mean of the first four take 45 s
    )
    assert [s.check for s in findings.skipped] == []


def test_an_optimizer_that_needs_a_closure_costs_no_check_that_makes_its_own():
    class Bounded(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = make_model()

        def forward(self, x):
            return 0.05 * self.net(x).tanh()

    findings = hunt(
        Bounded, BATCH, loss_fn=loss_fn, budget_s=60.0,
        make_optimizer=lambda model: torch.optim.LBFGS(model.parameters()),
    )  # fmt: skip
    assert "no-single-batch-overfit" in slugs(findings)


def test_a_model_instead_of_a_function_is_named():
    with pytest.raises(BughuntError, match="make_model must be a function, not a Linear"):
        hunt(nn.Linear(2, 2), BATCH, loss_fn=loss_fn)
    with pytest.raises(BughuntError, match="make_model returned a int"):
        hunt(lambda: 3, BATCH, loss_fn=loss_fn)


def test_a_loss_that_is_no_scalar_is_named():
    def rows(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    with pytest.raises(BughuntError, match=r"tensor of shape \(8,\), a scalar is needed"):
        hunt(make_model, BATCH, loss_fn=rows)
    with pytest.raises(BughuntError, match="returned a float"):
        hunt(make_model, BATCH, loss_fn=lambda model, batch: 1.0)


def test_a_step_that_raises_is_named_with_its_line_and_leaves_the_model_alone():
    def broken(model, optimizer, batch):
        raise KeyError("images")

    model = make_model()
    before = torch.get_rng_state()
    line = broken.__code__.co_firstlineno + 1
    message = rf"train_step raised KeyError.*test_hunt_runner.py:{line}"
    with pytest.raises(BughuntError, match=message):
        hunt(lambda: model, BATCH, **{**WHOLE, "train_step": broken})
    assert torch.equal(before, torch.get_rng_state())
    assert model.training


def test_a_hidden_state_that_is_not_detached_is_a_finding_not_a_crash():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.RNNCell(4, 4)
            self.head = nn.Linear(4, 3)
            self.state = torch.zeros(8, 4)

        def forward(self, x):
            self.state = self.cell(x, self.state)
            return self.head(self.state)

    findings = hunt(Recurrent, BATCH, **WHOLE)
    assert slugs(findings.errors) == ["graph-growth"]
    assert "second time" in findings[0].evidence


def test_a_nested_batch_with_strings_and_integers_only():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.bag = nn.EmbeddingBag(10, 6)
            self.head = nn.Linear(6, 3)

        def forward(self, ids):
            return self.head(self.bag(ids))

    batch = {
        "text": ["some", "words"] * 4,
        "nested": [{"ids": torch.arange(32).view(8, 4) % 10}],
        "labels": torch.arange(8) % 3,
    }

    def loss(model, batch):
        return F.cross_entropy(model(batch["nested"][0]["ids"]), batch["labels"])

    assert hunt(Bag, batch, loss_fn=loss, make_optimizer=make_optimizer).errors == []


@dataclass
class Examples:
    x: torch.Tensor
    y: torch.Tensor


def test_dataclasses_and_drawn_batches():
    def make_batch(generator):
        return Examples(torch.randn(8, 4, generator=generator), torch.arange(8) % 3)

    def loss(model, batch):
        return F.cross_entropy(model(batch.x), batch.y)

    assert hunt(make_model, make_batch, loss_fn=loss) == []


def test_a_model_that_cannot_be_copied():
    class Locked(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = make_model()
            self.generator = (i for i in range(3))

        def forward(self, x):
            return self.inner(x)

    assert hunt(Locked, BATCH, loss_fn=loss_fn).errors == []


def test_lazy_layers_may_have_a_loss_that_needs_gradients():
    def residual(model, batch):
        x = batch.clone().requires_grad_()
        value = model(x)
        [slope] = torch.autograd.grad(value.sum(), x, create_graph=True)
        return (slope - value).square().mean()

    def make_lazy():
        return nn.Sequential(nn.LazyLinear(8), nn.Tanh(), nn.Linear(8, 1))

    assert hunt(make_lazy, torch.randn(8, 2), loss_fn=residual, checks=["batch-leak"]) == []


class Tracked(nn.Sequential):
    """A type of its own, by which the garbage collector finds every instance."""


def test_a_hunt_keeps_no_model():
    gc.collect()
    gc.disable()
    try:
        hunt(lambda: Tracked(*make_model()), BATCH, **WHOLE)
        alive = [kept for kept in gc.get_objects() if type(kept) is Tracked]
    finally:
        gc.enable()
    assert alive == []


def test_a_training_with_vmap_is_hunted_without_errors_of_the_checks():
    """Tensors under vmap stand for many: there are no values to look at."""

    def per_example(model, batch):
        parameters = dict(model.named_parameters())

        def one(x, y):
            logits = torch.func.functional_call(model, parameters, (x[None],))
            return F.cross_entropy(logits, y[None])

        return torch.func.vmap(one, randomness="different")(*batch).mean()

    def step(model, optimizer, batch):
        optimizer.zero_grad()
        per_example(model, batch).backward()
        optimizer.step()

    findings = hunt(
        make_model, BATCH, loss_fn=per_example, make_optimizer=make_optimizer, train_step=step
    )
    assert findings == []
    assert [skip for skip in findings.skipped if "internal error" in skip.reason] == []


def test_a_check_that_raises_costs_no_other_and_is_said(monkeypatch):
    monkeypatch.undo()  # the tests' own fixture lets it raise
    check = next(check for check in registry.select(["dead-relu"]))

    def defective(case):
        raise ZeroDivisionError("planted")

    broken = dataclasses.replace(check, function=defective)
    others = [other for other in registry.select(None) if other is not check]
    monkeypatch.setattr(registry, "select", lambda wanted: [broken, *others])
    findings = hunt(make_model, BATCH, **WHOLE)
    defects = {s.check: s.reason for s in findings.skipped if "internal error" in s.reason}
    assert defects == {
        "dead-relu": "internal error of the check, please report it: ZeroDivisionError('planted')"
    }


def test_a_defect_is_said_where_another_check_of_the_slug_could_tell(monkeypatch):
    monkeypatch.undo()
    first, *rest = registry.select(["missing-zero-grad"])

    def defective(case):
        raise ZeroDivisionError("planted")

    broken = dataclasses.replace(first, function=defective)
    monkeypatch.setattr(registry, "select", lambda wanted: [broken, *rest])
    skipped = hunt(make_model, BATCH, **WHOLE).skipped
    [defect] = [skip.check for skip in skipped if "internal error" in skip.reason]
    assert defect == "missing-zero-grad"


def test_a_skip_is_said_where_another_check_of_the_slug_could_answer():
    def halves(model):
        return [torch.optim.SGD(part.parameters(), lr=0.1) for part in (model[0], model[3])]

    def step(model, optimizers, batch):
        model.zero_grad()
        loss_fn(model, batch).backward()
        for optimizer in optimizers:
            optimizer.step()

    program = {**WHOLE, "make_optimizer": halves, "train_step": step}
    findings = hunt(make_model, BATCH, **program, checks=["no-single-batch-overfit"])
    assert findings == []
    assert list(map(str, findings.skipped)) == [
        "skipped in part: no-single-batch-overfit: several optimizers: what loss_fn measures is "
        "not what all minimise"
    ]
