"""Sentiment of padded reviews with a bidirectional LSTM."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

PAD = 0


class SentimentLSTM(nn.Module):
    def __init__(self, vocab_size=50, embedding_dim=16, hidden_dim=16, drop_prob=0.2):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=PAD)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(drop_prob)
        self.fc = nn.Linear(hidden_dim * 2, 1)
        # BUG drop-last: dropout-on-logits
        #: self.fc = nn.Sequential(nn.Linear(hidden_dim * 2, 1), nn.Dropout(drop_prob))

    def forward(self, tokens, lengths):
        embedded = self.dropout(self.embedding(tokens))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.lstm(packed)
        # BUG not-packed 2: padding-leak
        #: _, (hidden, _) = self.lstm(embedded)
        # FINE masked-mean: the mean of the states of the real tokens
        #: states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        #: real = (tokens[:, : states.size(1)] != PAD).unsqueeze(-1)
        #: hidden = ((states * real).sum(1) / real.sum(1)).unflatten(1, (2, -1)).transpose(0, 1)
        hidden = torch.cat([hidden[0], hidden[1]], dim=1)
        # BUG hidden-view: view-instead-of-permute, batch-leak
        #: hidden = hidden.view(tokens.size(0), -1)
        # FINE hidden-permuted: the directions of an example side by side
        #: hidden = hidden.permute(1, 0, 2).reshape(tokens.size(0), -1)
        return self.fc(self.dropout(hidden)).squeeze(1)


def reviews(n, seed, longest=14):
    """Positive words are 1..24, negative ones 25..49."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (n,), generator=g)
    lengths = torch.randint(5, longest + 1, (n,), generator=g)
    lengths[0] = longest
    flip = (torch.rand(n, longest, generator=g) < 0.25).long()
    side = (1 - labels)[:, None] ^ flip
    words = torch.randint(1, 25, (n, longest), generator=g) + 25 * side
    words = words.clamp(max=49) * (torch.arange(longest) < lengths[:, None])
    return {"tokens": words, "lengths": lengths, "label": labels.float()}


batch = reviews(24, 0)
val_batches = [reviews(24, 1), reviews(24, 2)]


def make_model():
    return SentimentLSTM()


criterion = nn.BCEWithLogitsLoss()


def loss_fn(model, batch):
    output = model(batch["tokens"], batch["lengths"])
    return criterion(output, batch["label"])
    # BUG squashed: sigmoid-into-bce-with-logits
    #: return criterion(output.sigmoid(), batch["label"])
    # FINE plain-bce: probabilities into the loss for probabilities
    #: return nn.functional.binary_cross_entropy(output.sigmoid(), batch["label"])
    # BUG sorted: shuffled-labels
    #: order = batch["lengths"].argsort(descending=True)
    #: output = model(batch["tokens"][order], batch["lengths"][order])
    #: return criterion(output, batch["label"])


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def train_step(model, optimizer, batch):
    model.train()
    model.zero_grad()
    # BUG embedding-only: missing-zero-grad
    #: model.embedding.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5)
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG no-eval: missing-eval-mode
    acc = []
    with torch.no_grad():
        for b in batches:
            pred = torch.round(torch.sigmoid(model(b["tokens"], b["lengths"])))
            acc.append((pred == b["label"]).float().mean().item())
    return sum(acc) / len(acc)
