"""Direction of motion in tiny clips, stored as (batch, time, channel, height, width)."""

import torch
from torch import nn
from torch.nn import functional as F

TIME, CHANNELS, SIDE, MOVES = 6, 2, 8, 4


def motions(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(MOVES, (n,), generator=g)
    x = 0.2 * torch.randn(n, TIME, CHANNELS, SIDE, SIDE, generator=g)
    for i, k in enumerate(y.tolist()):
        dr, dc = [(0, 1), (0, -1), (1, 0), (-1, 0)][k]
        for t in range(TIME):
            r, c = 4 + dr * (t - 3), 4 + dc * (t - 3)
            x[i, t, :, r, c] += 3.0
    return x, y


class Conv(nn.Module):
    """A 3-D convolution, batch norm in functional form, and a ReLU."""

    def __init__(self, cin, cout):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(cout, cin, 3, 3, 3) * (2 / (27 * cin)) ** 0.5)
        self.shift = None
        # BUG shift: bias-before-batchnorm
        #: self.shift = nn.Parameter(torch.zeros(cout))
        self.gain, self.bias = nn.Parameter(torch.ones(cout)), nn.Parameter(torch.zeros(cout))
        self.register_buffer("mean", torch.zeros(cout))
        self.register_buffer("var", torch.ones(cout))

    def forward(self, x):
        x = F.conv3d(x, self.weight, self.shift, padding=1)
        x = F.batch_norm(x, self.mean, self.var, self.gain, self.bias, self.training)
        # BUG batchstats: missing-eval-mode, eval-mutates-model
        #: x = F.batch_norm(x, self.mean, self.var, self.gain, self.bias, True)
        return F.relu(x)


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.c1, self.c2 = Conv(CHANNELS, width), Conv(width, width)
        self.head = nn.Linear(width * 16, MOVES)

    def forward(self, clip):
        x = clip.transpose(1, 2)
        # BUG clipview: view-instead-of-permute
        #: x = clip.reshape(clip.shape[0], CHANNELS, TIME, SIDE, SIDE)
        # FINE stacked: the channels come to the front one by one
        #: x = torch.stack([clip[:, :, k] for k in range(CHANNELS)], dim=1)
        x = F.max_pool3d(self.c1(x), (1, 2, 2))
        x = F.adaptive_avg_pool3d(self.c2(x), (1, 4, 4))
        return self.head(x.flatten(1))


def loss_fn(model, batch):
    clip, move = batch
    logits = model(clip)
    return F.cross_entropy(logits, move)
    # FINE gathered: cross entropy by hand
    #: return -logits.log_softmax(dim=1).gather(1, move[:, None]).mean()
    # BUG handmade: softmax-into-cross-entropy, double-softmax
    #: top = logits - logits.max(dim=1, keepdim=True).values
    #: share = top.exp() / top.exp().sum(dim=1, keepdim=True)
    #: return F.cross_entropy(share, move)


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    # BUG frozen: no-single-batch-overfit, frozen-parameter, optimizer-misses-parameters
    #: return torch.optim.SGD([p.detach().clone() for p in model.parameters()], lr=0.05)


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches) / len(batches)


batch = motions(16, 0)
val_batches = [motions(16, 25), motions(16, 26)]
