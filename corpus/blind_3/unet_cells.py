"""Cell segmentation with a two-level U-Net; few pixels are foreground."""

import torch
import torch.nn.functional as F
from torch import nn

H, W = 16, 12


def scenes(n, seed):
    g = torch.Generator().manual_seed(seed)
    image = 0.4 * torch.randn(n, 1, H, W, generator=g)
    mask = torch.zeros(n, H, W, dtype=torch.long)
    for i in range(n):
        r = int(torch.randint(2, H - 4, (1,), generator=g))
        c = int(torch.randint(2, W - 4, (1,), generator=g))
        mask[i, r : r + 3, c : c + 3] = 1 + i % 2
        image[i, 0, r : r + 3, c : c + 3] += 2.0 if i % 2 else -2.0
    return {"inputs": {"image": image}, "target": {"mask": mask}}


def conv_bn(cin, cout):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)
    )
    # BUG bias: bias-before-batchnorm
    #: return nn.Sequential(
    #:     nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(inplace=True) #!
    #: )
    # FINE bnlast: the nonlinearity stands between the bias and the norm
    #: return nn.Sequential(
    #:     nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(inplace=True), nn.BatchNorm2d(cout)
    #: )


class UNet(nn.Module):
    def __init__(self, width=8, classes=3):
        super().__init__()
        self.classes = classes
        self.down1 = conv_bn(1, width)
        self.down2 = conv_bn(width, 2 * width)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge = conv_bn(2 * width, width)
        self.dropout = nn.Dropout2d(0.1)
        self.out = nn.Conv2d(width, classes, 1)
        # BUG outbias: missing-output-bias
        #: self.out = nn.Conv2d(width, classes, 1, bias=False)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        return self.out(self.dropout(self.merge(torch.cat([a, self.up(b)], dim=1))))


def loss_fn(model, batch):
    logits = model(batch["inputs"]["image"])
    target = batch["target"]["mask"]
    flat = logits.permute(0, 2, 3, 1).reshape(-1, model.classes)
    # BUG flatten: view-instead-of-permute, shuffled-labels
    #: flat = logits.contiguous().view(-1, model.classes)
    # FINE swap: class axis last by two transposes
    #: flat = logits.flatten(2).mT.flatten(0, 1)
    return F.cross_entropy(flat, target.reshape(-1))
    # BUG probnll: probabilities-into-nll
    #: return F.nll_loss(flat.softmax(dim=-1), target.reshape(-1))


def make_model():
    return UNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def train_step(model, optimizer, batch):
    model.train()
    # BUG onlyout: missing-train-mode
    #: model.out.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG onlydrop: missing-eval-mode
    #: model.dropout.eval()
    inter = union = 0
    with torch.inference_mode():
        for b in batches:
            guess = model(b["inputs"]["image"]).argmax(1)
            truth = b["target"]["mask"]
            inter += ((guess == truth) & (truth > 0)).sum().item()
            union += ((guess > 0) | (truth > 0)).sum().item()
    return inter / max(union, 1)


batch = scenes(8, 0)
val_batches = [scenes(8, 50), scenes(8, 51)]
