"""Kim's text CNN over word embeddings."""

import torch
import torch.nn.functional as F
from torch import nn


def rearrange_btc_to_bct(x):
    return x.permute(0, 2, 1)
    # BUG helper: view-instead-of-permute
    #: b, t, c = x.size()
    #: return torch.reshape(x, (b, c, t))  #!


class TextCNN(nn.Module):
    def __init__(self, vocab=24, width=12, classes=3):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.convs = nn.ModuleList([nn.Conv1d(width, 8, k) for k in (2, 3)])
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(16, classes)

    def forward(self, ids):
        x = rearrange_btc_to_bct(self.embed(ids))
        x = torch.cat([F.relu(conv(x)).amax(-1) for conv in self.convs], 1)
        x = self.drop(x)
        # BUG functional: missing-eval-mode
        #: x = F.dropout(x, p=0.2, training=True)
        # BUG built: missing-eval-mode
        #: x = nn.Dropout(0.2)(x)
        # FINE built-in-mode: a layer of one call that is put into the mode of the model
        #: x = nn.Dropout(0.2).train(self.training)(x)
        return self.fc(x)


def documents(seed, n=10, t=8):
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 24, (n, t), generator=g)
    return {"ids": ids, "label": (ids < 8).sum(1).clamp(2, 4) - 2}


batch = documents(0)
train_batches = [documents(0), documents(1)]
val_batches = [documents(9), documents(10)]


def make_model():
    return TextCNN()


def make_optimizer(model):
    return torch.optim.Adadelta(model.parameters(), lr=1.0)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch["ids"]), batch["label"])
    # BUG exp-norm: softmax-into-cross-entropy, double-softmax
    #: weights = torch.exp(model(batch["ids"]))
    #: return F.cross_entropy(weights / torch.sum(weights, -1, keepdim=True), batch["label"])  #!


def train_step(model, optimizer, batch):
    model.train()
    # BUG sub: missing-train-mode
    #: model.convs.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    # BUG never: missing-eval-mode
    #: model.requires_grad_(True)
    return sum(
        (model(b["ids"]).argmax(1) == b["label"]).float().mean().item() for b in batches
    ) / len(batches)
