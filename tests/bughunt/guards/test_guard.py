"""Guards change nothing and break nothing: compiled code, several processes, failures."""

from __future__ import annotations

import copy
import io
import os
import warnings

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import (
    cross_entropy,
    fit,
    fit_classifier,
    hooks,
    make_classifier,
    nothing,
    watched,
)
from torch import nn
from uncopiable_model import Uncopiable, batch, nested_loss

from pytest_mlregress.bughunt.guards import GuardWarning, watch


def test_guards_watch_an_uncopiable_model():
    model, data = Uncopiable(), batch()
    optimizer = torch.optim.Adam(model.parameters())
    with watch() as guard:
        for _ in range(6):
            optimizer.zero_grad()
            nested_loss(model, data).backward()
            optimizer.step()
    assert guard.findings == []
    assert guard.silent is None


def test_a_correct_loop_hears_nothing():
    assert watched(cross_entropy)[0] == []


def test_suppressed_findings_are_kept_apart():
    with watch(suppress=["missing-zero-grad"]) as guard:
        fit(cross_entropy, before=nothing)
    assert guard.findings == []
    assert [f.check for f in guard.findings.suppressed] == ["missing-zero-grad"]


def test_an_unknown_slug_is_refused():
    with pytest.raises(ValueError, match="there is no check 'zero'"), watch(suppress=["zero"]):
        pass


@pytest.mark.parametrize("autocast", [False, True])
def test_weights_buffers_and_random_numbers_are_bit_for_bit_the_same(autocast):
    plain = fit_classifier(make_classifier(), autocast=autocast)
    with watch() as guard:
        guarded = fit_classifier(make_classifier(), autocast=autocast)
    assert guard.silent is None
    assert guard.findings == []
    assert all(map(torch.equal, plain, guarded))


def test_a_wrong_seed_of_the_user_raises_as_ever():
    with watch() as guard:
        fit_classifier(make_classifier(), steps=12)
        with pytest.raises(ValueError, match="invalid literal"):
            torch.manual_seed("one")
    assert guard.silent is None


def test_an_exception_of_the_user_passes_through_and_leaves_no_hook():
    def run():
        raise ZeroDivisionError

    before, model = hooks(), make_classifier()
    with pytest.raises(ZeroDivisionError), watch():
        fit_classifier(model, run=lambda x: run())
    assert hooks() == before


def test_a_model_that_is_watched_can_be_copied_and_saved():
    model = make_classifier()
    with watch():
        fit_classifier(model, steps=2)
        twin = copy.deepcopy(model)
        torch.save(model, io.BytesIO())
        torch.manual_seed(1)
        trained = fit_classifier(model, steps=1)[:5]
        torch.manual_seed(1)
        assert all(map(torch.equal, trained, fit_classifier(twin, steps=1)[:6]))


def test_a_failure_of_a_detector_ends_the_watching_once_and_not_the_training(monkeypatch):
    def fail(self, call):
        raise KeyError("planted")

    monkeypatch.setattr(
        "pytest_mlregress.bughunt.checks.reshaping.view_instead_of_permute_guard.Reshapes.on_call",
        fail,
    )
    before, plain = hooks(), fit_classifier(make_classifier())
    with warnings.catch_warnings(record=True) as told, watch() as guard:
        warnings.simplefilter("always")
        guarded = fit_classifier(make_classifier())
    assert hooks() == before
    assert all(map(torch.equal, plain, guarded))
    assert guard.silent == "internal error of the guards: KeyError('planted')"
    assert [warning.category for warning in told] == [GuardWarning]


@pytest.mark.parametrize("precompiled", [False, True])
def test_compiled_code_makes_the_guard_fall_silent(precompiled):
    torch._dynamo.reset()
    model = make_classifier()
    run = torch.compile(model, backend="eager", fullgraph=True) if precompiled else None
    with warnings.catch_warnings(), watch() as guard:
        warnings.simplefilter("ignore")
        run = run or torch.compile(model, backend="eager", fullgraph=True)
        fit_classifier(model, steps=6, run=run)
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
    model = make_classifier()
    parallel = nn.parallel.DistributedDataParallel(model)
    if guarded:
        with watch() as guard:
            weights = fit_classifier(model, run=parallel)
        assert guard.findings == []
        assert guard.silent is None
    else:
        weights = fit_classifier(model, run=parallel)
    torch.save([w.detach() for w in weights], f"{folder}/{guarded}{rank}.pt")
    torch.distributed.barrier()
    os._exit(0)  # gloo's threads abort the process now and then where Python tears it down


@pytest.mark.slow
def test_two_processes_hear_nothing_and_train_bit_for_bit_the_same(tmp_path):
    for guarded in (False, True):
        torch.multiprocessing.spawn(_worker, (str(tmp_path), guarded), nprocs=2)
    for rank in range(2):
        plain, watched = (torch.load(tmp_path / f"{g}{rank}.pt") for g in (False, True))
        assert all(map(torch.equal, plain, watched))
