"""The bug-hunting fixtures in a user's suite."""

from __future__ import annotations

import importlib
import inspect
import textwrap

import pytest

from pytest_mlregress import bughunt, fixtures

pytest.importorskip("torch")

# A run inside this process forgets the modules that it was the first to import, which numpy, scipy
# and torch's compiler do not survive: they are loaded here.
for module in (
    "torch._dynamo",
    "torch._inductor.test_operators",
    "pytest_mlregress.bughunt.guards",
    "pytest_mlregress.bughunt.hunt_runner",
    "pytest_mlregress.bughunt.single_checks",
    "pytest_mlregress.reporting.terminal",
    "pytest_mlregress.statistics.multiple_comparisons",
    "pytest_mlregress.session.controller",
):
    importlib.import_module(module)

PLUGINS = [f"-pno:{name}" for name in ("randomly", "xdist", "cacheprovider", "asyncio", "html")]

PROGRAM = """
    import pytest
    import torch
    import torch.nn.functional as F
    from torch import nn

    BATCH = (torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3)

    class Net(nn.Module):
        def __init__(self, bug):
            super().__init__()
            self.bug = bug
            self.layers = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))

        def forward(self, x):
            x = self.layers(x)
            return x.softmax(-1) if self.bug == "softmax" else x

    def loss_fn(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1])
"""


@pytest.fixture
def run(pytester, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(test, *arguments, program=PROGRAM):
        pytester.makeini("[pytest]")
        pytester.makepyfile(textwrap.dedent(program) + textwrap.dedent(test))
        return pytester.runpytest_inprocess(*PLUGINS, *arguments)

    return run


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("hunt", fixtures.BugHunt),
        ("overfit_single_batch", fixtures.OverfitSingleBatch),
        ("check_view_permute", fixtures.CheckViewPermute),
        ("check_logits", fixtures.CheckLogits),
    ],
)
def test_a_fixture_takes_the_arguments_of_its_function(name, kind):
    expected = list(inspect.signature(getattr(bughunt, name)).parameters.values())
    _, *parameters = inspect.signature(kind.__call__).parameters.values()
    if name == "overfit_single_batch":  # one check has nothing to suppress, but a marker has
        assert parameters.pop().name == "suppress"
    assert parameters == expected


def test_a_misspelt_keyword_is_named_and_nothing_runs(run):
    result = run("""
        def test_hunt(bughunt):
            bughunt(lambda: Net(""), BATCH, loss_fn=loss_fn, buget_s=1)
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TypeError: *unexpected keyword argument 'buget_s'*"])


HUNT = """
    {marker}
    def test_hunt(bughunt):
        bughunt(lambda: Net("{bug}"), BATCH, loss_fn=loss_fn, checks=["softmax-into-cross-entropy"])
"""


def test_a_hunt_without_seeds_runs_once_and_passes_correct_code(run):
    run(HUNT.format(marker="", bug="")).assert_outcomes(passed=1)


def test_an_error_fails_the_test_with_its_line_and_how_to_declare_it(run):
    result = run(HUNT.format(marker="", bug="softmax"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "1 bug",
            "error: softmax-into-cross-entropy at *.py:16",
            "if intended, suppress it: @pytest.mark.mlregress(suppress=*)",
        ]
    )


def test_the_marker_suppresses_and_the_hunt_still_runs_once(run):
    marker = "@pytest.mark.mlregress(suppress=['softmax-into-cross-entropy'])"
    result = run(HUNT.format(marker=marker, bug="softmax"))
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*seed0*")


def test_a_suppression_that_nothing_needs_is_a_warning(run):
    marker = "@pytest.mark.mlregress(suppress=['softmax-into-cross-entropy'])"
    result = run(HUNT.format(marker=marker, bug=""))
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*BughuntWarning: unneeded-suppression: *"])


def test_a_misspelt_marker_argument_is_refused_by_name(run):
    result = run(HUNT.format(marker="@pytest.mark.mlregress(supress=['x'])", bug=""))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*::test_hunt: mlregress(supress=...): unknown argument; *"])


def test_a_hunt_with_seeds_runs_per_seed(run):
    result = run(HUNT.format(marker="@pytest.mark.seeds(2)", bug=""))
    result.stdout.fnmatch_lines(["*::test_hunt *2/2 seeds"])


def test_a_program_that_does_not_run_is_one_clear_line(run):
    result = run(
        """
        def test_hunt(bughunt):
            bughunt(lambda: Net(""), (BATCH[0][:, :3], BATCH[1]), loss_fn=loss_fn)
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*::test_hunt: loss_fn raised RuntimeError: *(at *.py:*)"])


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ('check_logits(Net("softmax"), BATCH, loss_fn)', "error: softmax-into-cross-entropy at *"),
        ('overfit_single_batch(Net(""), BATCH, loss_fn, steps=1)', "error: no-single-batch-*"),
    ],
)
def test_single_checks_fail_the_test(run, call, line):
    result = run(
        f"""
        def test_check({call.partition("(")[0]}):
            {call}
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([line])


def test_single_checks_are_silent_on_correct_code(run):
    result = run(
        """
        def test_all(check_logits, check_view_permute, overfit_single_batch):
            model = Net("")
            before = [p.clone() for p in model.parameters()]
            check_logits(model, BATCH, loss_fn)
            check_view_permute(model, BATCH, loss_fn)
            overfit_single_batch(model, BATCH, loss_fn, target=0.2)
            assert all(map(torch.equal, before, model.parameters()))
        """
    )
    result.assert_outcomes(passed=1)


def test_a_view_for_a_permute_is_found_at_its_line(run):
    result = run(
        """
        class Swapped(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv1d(4, 3, 3, padding=1)

            def forward(self, x):
                return self.conv(x.view(x.size(0), 4, 7)).mean(-1)

        def test_view(check_view_permute):
            x = torch.randn(8, 7, 4)
            check_view_permute(Swapped(), (x, BATCH[1]), loss_fn)
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["error: view-instead-of-permute at *.py:27"])


def test_a_small_data_set_is_memorised_through_a_loader(run):
    result = run(
        """
        def test_memorise(overfit_single_batch):
            data = torch.utils.data.TensorDataset(*BATCH)
            loader = torch.utils.data.DataLoader(data, batch_size=4)
            overfit_single_batch(Net(""), loader, loss_fn, steps=400, target=0.2)

        def test_too_few_steps(overfit_single_batch):
            data = torch.utils.data.TensorDataset(*BATCH)
            loader = torch.utils.data.DataLoader(data, batch_size=4)
            overfit_single_batch(Net(""), loader, loss_fn, steps=2, target=0.2)
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*the model does not memorise 2 of 2 batches in 2 steps"])


@pytest.mark.parametrize(("reason", "warnings"), [(" because it is a lesson", 0), ("", 1)])
def test_an_inline_comment_suppresses_and_must_give_its_reason(run, reason, warnings):
    source = 'return x.softmax(-1) if self.bug == "softmax" else x'
    comment = f"  # mlregress: ignore[softmax-into-cross-entropy]{reason}"
    program = PROGRAM.replace(source, source + comment)
    result = run(HUNT.format(marker="", bug="softmax"), program=program)
    result.assert_outcomes(passed=1, warnings=warnings)
