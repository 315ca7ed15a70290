"""Guards inside real training frameworks: correct code hears nothing, mistakes are found.

Skipped where a framework is not installed; ``make frameworks`` makes an environment with both.
"""

from __future__ import annotations

import inspect

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402

from pytest_mlregress.bughunt.guards import watch  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]


def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 8, generator=generator)
    return x, (x[:, 0] > 0).long()


def line_of(function, text):
    lines, first = inspect.getsourcelines(function)
    [found] = [first + index for index, line in enumerate(lines) if text in line]
    return f"{__file__}:{found}"


def network():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))


def lightning_run(bug, guarded, folder):
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network()

        def training_step(self, batch, index):
            logits = self.net(batch[0])
            if bug == "softmax":
                logits = logits.softmax(-1)  # softmax
            return F.cross_entropy(logits, batch[1])

        def validation_step(self, batch, index):
            if bug == "mode":
                self.net.train()
            self.log("val", F.cross_entropy(self.net(batch[0]), batch[1]))

        def optimizer_zero_grad(self, epoch, index, optimizer):
            if bug != "zero":
                optimizer.zero_grad()

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    lightning.seed_everything(0, verbose=False)
    module = Module()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data()), batch_size=8)
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
        default_root_dir=folder,
    )
    if not guarded:
        trainer.fit(module, loader, loader)
        return None, module
    with watch() as guard:
        trainer.fit(module, loader, loader)
    assert guard.silent is None
    return guard.findings, module, Module.training_step


def trainer_run(bug, guarded, folder, **options):
    transformers = pytest.importorskip("transformers")

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, x, labels):
            logits = self.net(x)
            if bug == "softmax":
                logits = logits.softmax(-1)  # softmax
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    transformers.set_seed(0)
    model = Classifier()
    if bug == "zero":
        model.zero_grad = lambda set_to_none=True: None
    examples = [{"x": x, "labels": y} for x, y in zip(*data(), strict=True)]
    options = {"eval_strategy": "epoch", **options}
    trainer = transformers.Trainer(
        model,
        transformers.TrainingArguments(
            folder,
            num_train_epochs=3,
            per_device_train_batch_size=8,
            report_to=[],
            save_strategy="no",
            use_cpu=True,
            disable_tqdm=True,
            **options,
        ),
        train_dataset=examples,
        eval_dataset=examples,
    )
    if not guarded:
        trainer.train()
        return None, model
    with watch() as guard:
        trainer.train()
    assert guard.silent is None
    return guard.findings, model, Classifier.forward


RUNS = {"lightning": lightning_run, "transformers": trainer_run}


@pytest.mark.parametrize("framework", RUNS)
def test_correct_code_hears_nothing_and_trains_bit_for_bit_the_same(framework, tmp_path):
    findings, guarded, _ = RUNS[framework]("", True, tmp_path)
    _, plain = RUNS[framework]("", False, tmp_path)
    assert findings == []
    assert all(map(torch.equal, guarded.parameters(), plain.parameters()))


@pytest.mark.parametrize("framework", RUNS)
def test_a_softmax_before_the_loss_is_found_at_its_line(framework, tmp_path):
    [finding], _, function = RUNS[framework]("softmax", True, tmp_path)
    assert (finding.check, finding.severity) == ("softmax-into-cross-entropy", "error")
    assert finding.location == line_of(function, "# softmax")


@pytest.mark.parametrize("framework", RUNS)
def test_gradients_that_are_never_zeroed_are_found(framework, tmp_path):
    findings, _, _ = RUNS[framework]("zero", True, tmp_path)
    assert ("missing-zero-grad", "error") in [(f.check, f.severity) for f in findings]


def test_accumulation_and_bfloat16_in_the_trainer_hear_nothing(tmp_path):
    findings, _, _ = trainer_run("", True, tmp_path, gradient_accumulation_steps=2, bf16=True)
    assert findings == []
