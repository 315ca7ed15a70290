"""Fine-tune a BERT for classification, after the scripts in Transformers' examples.

The model is tiny and starts from random weights, so that nothing is downloaded.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    EvalPrediction,
    HfArgumentParser,
    Trainer,
    TrainingArguments,
    set_seed,
)

PAD, FIRST_WORD, WORDS = 0, 2, 30


@dataclass
class DataArguments:
    train_examples: int = 512
    eval_examples: int = 256
    max_length: int = 12


class Sentences(Dataset):
    """Sentences of random words; the label says whether most words are of the second half."""

    def __init__(self, examples: int, max_length: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.lengths = rng.integers(max_length // 2, max_length + 1, size=examples)
        self.words = rng.integers(FIRST_WORD, WORDS, size=(examples, max_length))
        self.words[np.arange(max_length) >= self.lengths[:, None]] = PAD

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        words = torch.tensor(self.words[index])
        share = (words > WORDS // 2).sum() / self.lengths[index]
        return {
            "input_ids": words,
            "attention_mask": (words != PAD).long(),
            "labels": (share > 0.5).long(),
        }


def make_model() -> BertForSequenceClassification:
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=WORDS,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=16,
        )
    )


def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float(np.mean(prediction.predictions.argmax(-1) == prediction.label_ids))}


def run(data: DataArguments, training: TrainingArguments) -> dict[str, float]:
    set_seed(training.seed)
    trainer = Trainer(
        make_model(),
        training,
        train_dataset=Sentences(data.train_examples, data.max_length, seed=0),
        eval_dataset=Sentences(data.eval_examples, data.max_length, seed=1),
        compute_metrics=compute_metrics,
    )
    trainer.train()
    return trainer.evaluate()


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((DataArguments, TrainingArguments))
    return run(*parser.parse_args_into_dataclasses(arguments))


if __name__ == "__main__":
    main()
