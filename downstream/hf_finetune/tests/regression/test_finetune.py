import pytest
from transformers import TrainingArguments

from run_classification import DataArguments, run


@pytest.mark.seeds(5)
def test_finetune(mlregress):
    training = TrainingArguments(
        str(mlregress.tmp_path),
        seed=mlregress.seed,
        num_train_epochs=6,
        per_device_train_batch_size=32,
        learning_rate=2e-3,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    metrics = run(DataArguments(), training)
    mlregress.record("accuracy", metrics["eval_accuracy"], higher_is_better=True, margin=0.1)
