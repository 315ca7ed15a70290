import lightning as L
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split


class DigitsDataModule(L.LightningDataModule):
    def __init__(self, batch_size: int = 64, split_seed: int = 42) -> None:
        super().__init__()
        self.save_hyperparameters()

    def setup(self, stage: str | None = None) -> None:
        digits = load_digits()
        data = TensorDataset(
            torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
        )
        generator = torch.Generator().manual_seed(self.hparams.split_seed)
        self.train, self.val = random_split(data, [1297, 500], generator=generator)

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, batch_size=self.hparams.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val, batch_size=250)
