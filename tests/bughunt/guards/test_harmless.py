"""Guards change nothing and break nothing: compiled code, several processes, modes, failures."""

from __future__ import annotations

import copy
import importlib
import io
import warnings

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402

from pytest_mlregress.bughunt.guards import GuardWarning, watch  # noqa: E402
from pytest_mlregress.bughunt.listening.detector import Detector  # noqa: E402


def make_model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 16, bias=False),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(16, 2),
    )


def fit(model, steps=24, autocast=False, run=None):
    x = torch.randn(32, 8, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(steps):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = F.cross_entropy((run or model)(x), y)
        loss.backward()
        optimizer.step()
        if step % 8 == 7:
            model.eval()
            with torch.no_grad():
                model(x)
            model.train()
    return [*model.parameters(), *model.buffers(), torch.rand(1)]


@pytest.mark.parametrize("autocast", [False, True])
def test_weights_buffers_and_random_numbers_are_bit_for_bit_the_same(autocast):
    plain = fit(make_model(), autocast=autocast)
    with watch() as guard:
        guarded = fit(make_model(), autocast=autocast)
    assert guard.silent is None
    assert guard.findings == []
    assert all(map(torch.equal, plain, guarded))


def hooks():
    module, optimizer = nn.modules.module, importlib.import_module("torch.optim.optimizer")
    return (
        dict(module._global_forward_pre_hooks),
        dict(module._global_forward_hooks),
        dict(optimizer._global_optimizer_pre_hooks),
        dict(optimizer._global_optimizer_post_hooks),
        torch.autograd.backward,
        torch.no_grad.__enter__,
        nn.Module.train,
        torch.compile,
        (torch.manual_seed, torch.random.manual_seed, torch.set_rng_state),
        (torch.optim.Optimizer.__init__, torch.amp.GradScaler.unscale_),
        torch.overrides._get_current_function_mode_stack(),
    )


@pytest.mark.parametrize("steps", [0, 2, 24])
def test_every_hook_and_patch_is_gone_afterwards(steps):
    before, model = hooks(), make_model()
    with watch():
        fit(model, steps=steps)
    assert hooks() == before
    assert all(not p._backward_hooks for p in model.parameters())
    assert all(not p._post_accumulate_grad_hooks for p in model.parameters())


def test_a_wrong_seed_of_the_user_raises_as_ever():
    with watch() as guard:
        fit(make_model(), steps=12)
        with pytest.raises(ValueError, match="invalid literal"):
            torch.manual_seed("one")
    assert guard.silent is None


def test_an_exception_of_the_user_passes_through_and_leaves_no_hook():
    def run():
        raise ZeroDivisionError

    before, model = hooks(), make_model()
    with pytest.raises(ZeroDivisionError), watch():
        fit(model, run=lambda x: run())
    assert hooks() == before


def test_a_model_that_is_watched_can_be_copied_and_saved():
    model = make_model()
    with watch():
        fit(model, steps=2)
        twin = copy.deepcopy(model)
        torch.save(model, io.BytesIO())
        torch.manual_seed(1)
        trained = fit(model, steps=1)[:5]
        torch.manual_seed(1)
        assert all(map(torch.equal, trained, fit(twin, steps=1)[:6]))


def test_a_failure_of_a_detector_ends_the_watching_once_and_not_the_training(monkeypatch):
    def fail(self, call):
        raise KeyError("planted")

    monkeypatch.setattr(
        "pytest_mlregress.bughunt.checks.reshaping.view_instead_of_permute_guard.Reshapes.heard",
        fail,
    )
    before, plain = hooks(), fit(make_model())
    with warnings.catch_warnings(record=True) as told, watch() as guard:
        warnings.simplefilter("always")
        guarded = fit(make_model())
    assert hooks() == before
    assert all(map(torch.equal, plain, guarded))
    assert guard.silent == "internal error of the guards: KeyError('planted')"
    assert [warning.category for warning in told] == [GuardWarning]


def test_every_event_that_a_detector_may_hear_is_documented():
    events = [name for name in vars(Detector) if not name.startswith("_") and name != "tireless"]
    assert all(getattr(Detector, name).__doc__ for name in events)


class Counting(TorchFunctionMode):
    calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        Counting.calls += 1
        return func(*args, **(kwargs or {}))


def test_modes_of_the_user_that_outlive_the_first_steps_keep_working():
    with watch() as guard, Counting():
        fit(make_model(), steps=12)
        before = Counting.calls
        torch.ones(2) + 1
    assert Counting.calls > before
    assert guard.silent is None
    assert torch.overrides._get_current_function_mode_stack() == []


def test_modes_of_the_user_are_taken_off_by_their_own_block_while_optimizers_begin():
    with watch() as guard:
        fit(make_model(), steps=12)
        with Counting():
            fit(make_model(), steps=2)
        assert not any(
            isinstance(mode, Counting)
            for mode in torch.overrides._get_current_function_mode_stack()
        )
    assert guard.silent is None
    assert torch.overrides._get_current_function_mode_stack() == []


def test_a_default_device_may_be_set_and_unset_during_the_first_steps():
    with watch() as guard:
        fit(make_model(), steps=2)
        torch.set_default_device("cpu")
        fit(make_model(), steps=2)
        torch.set_default_device(None)
        fit(make_model(), steps=12)
    assert guard.silent is None
    assert torch.overrides._get_current_function_mode_stack() == []


@pytest.mark.parametrize("precompiled", [False, True])
def test_compiled_code_makes_the_guard_fall_silent(precompiled):
    torch._dynamo.reset()
    model = make_model()
    run = torch.compile(model, backend="eager", fullgraph=True) if precompiled else None
    with warnings.catch_warnings(), watch() as guard:
        warnings.simplefilter("ignore")
        run = run or torch.compile(model, backend="eager", fullgraph=True)
        fit(model, steps=6, run=run)
    assert guard.silent == "the training uses torch.compile"
    assert guard.findings == []


def test_a_gan_hears_nothing():
    torch.manual_seed(0)
    generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizers = [torch.optim.Adam(m.parameters(), lr=1e-3) for m in (generator, critic)]
    real, ones = torch.randn(16, 4), torch.ones(16, 1)
    with watch() as guard:
        for _ in range(12):
            optimizers[1].zero_grad()
            with torch.no_grad():
                fake = generator(torch.randn(16, 2))
            judged = critic(real), critic(fake)
            loss = F.binary_cross_entropy_with_logits(judged[0], ones)
            (loss + F.binary_cross_entropy_with_logits(judged[1], 0 * ones)).backward()
            optimizers[1].step()
            optimizers[0].zero_grad()
            fake = generator(torch.randn(16, 2))
            F.binary_cross_entropy_with_logits(critic(fake), ones).backward()
            optimizers[0].step()
    assert guard.findings == []
    assert guard.silent is None


def _worker(rank, folder, guarded):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous{guarded}", rank=rank, world_size=2
    )
    model = make_model()
    parallel = nn.parallel.DistributedDataParallel(model)
    if guarded:
        with watch() as guard:
            weights = fit(model, run=parallel)
        assert guard.findings == []
        assert guard.silent is None
    else:
        weights = fit(model, run=parallel)
    torch.save([w.detach() for w in weights], f"{folder}/{guarded}{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_hear_nothing_and_train_bit_for_bit_the_same(tmp_path):
    for guarded in (False, True):
        torch.multiprocessing.spawn(_worker, (str(tmp_path), guarded), nprocs=2)
    for rank in range(2):
        plain, watched = (torch.load(tmp_path / f"{g}{rank}.pt") for g in (False, True))
        assert all(map(torch.equal, plain, watched))
