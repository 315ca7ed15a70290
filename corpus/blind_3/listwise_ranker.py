"""Learning to rank: lists of up to eight documents a query, padded, ListNet loss."""

import torch
import torch.nn as nn

DOCS, FEATS = 8, 6
RELEVANCE = torch.tensor([1.5, -1.0, 0.5, 0.0, 0.0, 1.0])


def queries(n, seed):
    g = torch.Generator().manual_seed(seed)
    docs = torch.randn(n, DOCS, FEATS, generator=g)
    lengths = torch.randint(4, DOCS + 1, (n,), generator=g)
    mask = torch.arange(DOCS)[None] < lengths[:, None]
    gain = docs @ RELEVANCE + 0.1 * torch.randn(n, DOCS, generator=g)
    gain = gain.masked_fill(~mask, -1e4)
    docs = docs * mask[..., None]
    return {"docs": docs, "mask": mask, "gain": gain}


class Ranker(nn.Module):
    """Scores a document in the light of the mean of its list."""

    def __init__(self, hidden=24):
        super().__init__()
        self.own = nn.Linear(FEATS, hidden)
        self.context = nn.Linear(FEATS, hidden, bias=False)
        self.dropout = nn.Dropout(0.1)
        self.norm = nn.BatchNorm1d(hidden)
        self.score = nn.Linear(hidden, 1, bias=False)  # a common offset does not change a ranking

    def forward(self, docs, mask):
        count = mask.sum(1, keepdim=True)
        mean = (docs * mask[..., None]).sum(1) / count
        # BUG padmean 2: padding-leak
        #: mean = docs.mean(1)
        h = torch.relu(self.own(docs) + self.context(mean)[:, None])
        real = h[mask]
        h = h.masked_scatter(mask[..., None], self.norm(real))
        # BUG normview 2: view-instead-of-permute, padding-leak
        #: h = self.norm(h.transpose(1, 2)).reshape(len(docs), DOCS, -1)
        h = self.dropout(h)
        return self.score(h).squeeze(-1).masked_fill(~mask, -1e4)


def loss_fn(model, batch):
    score = model(batch["docs"], batch["mask"])
    want = batch["gain"].softmax(-1)
    return nn.functional.cross_entropy(score, want)
    # BUG twosoft: softmax-into-cross-entropy, double-softmax
    #: return nn.functional.cross_entropy(score.softmax(-1), want)
    # BUG overqueries: wrong-softmax-dim
    #: return -(want * score.log_softmax(dim=0)).sum(-1).mean()
    # FINE kld: the same gradient through the divergence
    #: return nn.functional.kl_div(score.log_softmax(-1), want, reduction="batchmean")


def make_model():
    return Ranker()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    # BUG zerowhen: missing-zero-grad
    #: if any(p.grad is None for p in model.parameters()):
    #:     optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    hits = []
    with torch.no_grad():
        for b in batches:
            top = model(b["docs"], b["mask"]).argmax(1)
            hits.append((top == b["gain"].argmax(1)).float().mean())
            # BUG topk 2: broadcast-metric
            #: top = model(b["docs"], b["mask"]).topk(1).indices
            #: hits.append((top == b["gain"].argmax(1)).float().mean())
    return torch.stack(hits).mean().item()


batch = queries(16, 0)
val_batches = [queries(16, 70), queries(16, 71)]
