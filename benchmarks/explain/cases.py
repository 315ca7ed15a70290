"""Planted one-line changes: what was changed, where it shows first, and in which function it is.

The expected phase and function of each were written down before any of them was run. A phase with
alternatives is one on which careful readers differ; both are then right.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One planted change.

    Attributes:
        program: the folder of the example, or the name of the small program.
        old: the text that is replaced, which is there once.
        new: the text in its place.
        phases: those that are right; empty where nothing diverges.
        function: the qualified name of the function with the change.
    """

    program: str
    old: str
    new: str
    phases: tuple[str, ...]
    function: str


def case(program: str, old: str, new: str, phases: str, function: str) -> Case:
    return Case(program, old, new, tuple(filter(None, phases.split("|"))), function)


CASES = (
    # examples/char_lm
    case("char_lm", "nn.Dropout(0.2)", "nn.Dropout(0.3)", "forward", "make_model"),
    case("char_lm", "lr=5e-3", "lr=4e-3", "optimizer", "train"),
    case("char_lm", "(256,))]", "(255,))]", "data order", "train"),
    case("char_lm", "nn.ReLU()", "nn.GELU()", "forward", "make_model"),
    case("char_lm", "T_max=steps", "T_max=2 * steps", "optimizer", "train"),
    case("char_lm", "    model.eval()\n", "", "evaluation", "bits_per_character"),
    case(
        "char_lm",
        "torch.manual_seed(seed)",
        "torch.manual_seed(seed + 1)",
        "initialisation|RNG draws",
        "train",
    ),
    case(
        "char_lm", "math.log(2)", "math.log(3)", "evaluation|recorded metric", "bits_per_character"
    ),
    # examples/digits_cnn
    case("digits_cnn", "/ 16\n", "/ 15\n", "data", "load"),
    case(
        "digits_cnn",
        "torch.randperm(len(data.train_labels))",
        "torch.arange(len(data.train_labels))",
        "data order",
        "train",
    ),
    case(
        "digits_cnn", "nn.BatchNorm2d(32)", "nn.BatchNorm2d(32, eps=1e-3)", "forward", "make_model"
    ),
    case(
        "digits_cnn",
        "loss = cross_entropy(model(images), labels)",
        "loss = cross_entropy(model(images), labels, label_smoothing=0.1)",
        "loss",
        "train",
    ),
    case("digits_cnn", "            optimizer.zero_grad()\n", "", "backward", "train"),
    case("digits_cnn", "split(64)", "split(32)", "data order", "train"),
    case("digits_cnn", "argmax(dim=-1) ==", "argmin(dim=-1) ==", "evaluation", "evaluate"),
    case(
        "digits_cnn",
        'bug == "":\n        return images',
        'bug == "":\n        return images.flip(-1)',
        "data",
        "augment",
    ),
    # examples/sklearn_model
    case("sklearn_model", "n_estimators=200", "n_estimators=150", "fit", "train"),
    case("sklearn_model", "test_size=0.5", "test_size=0.4", "data|data order", "load"),
    case("sklearn_model", "[:, 1]", "[:, 1].round(3)", "evaluation", "evaluate"),
    case(
        "sklearn_model",
        "model.fit(data.train_features, data.train_labels)",
        "model.fit(data.train_features[:200], data.train_labels[:200])",
        "fit|data",
        "train",
    ),
    # mlp
    case("mlp", "shuffle=True", "shuffle=False", "data order", "make_loader"),
    case("mlp", "momentum=0.1", "momentum=0.2", "forward|evaluation", "Perceptron.__init__"),
    case("mlp", "torch.relu(hidden)", "torch.tanh(hidden)", "forward", "Perceptron.forward"),
    case("mlp", "std=0.05", "std=0.06", "initialisation", "make_model"),
    case("mlp", "weight_decay=1e-2", "weight_decay=1e-1", "optimizer", "make_optimizer"),
    case("mlp", "gamma=0.5", "gamma=0.4", "optimizer", "fit"),
    case("mlp", "model.parameters(), 1.0)", "model.parameters(), 0.1)", "backward", "fit"),
    case("mlp", "- 0.05) / 1.1", "- 0.05) / 1.2", "data", "standardise"),
    case(
        "mlp",
        "            nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n",
        "",
        "backward",
        "fit",
    ),
    # attention
    case(
        "attention",
        "math.sqrt(width // self.heads)",
        "math.sqrt(width)",
        "forward",
        "Attention.forward",
    ),
    case("attention", "softmax(dim=-1)", "softmax(dim=-2)", "forward", "Attention.forward"),
    case("attention", "nn.GELU()", "nn.ReLU()", "forward", "Block.__init__"),
    case("attention", "* 0.02", "* 0.03", "initialisation", "Classifier.__init__"),
    case("attention", "label_smoothing=0.05", "label_smoothing=0.0", "loss", "smoothed_loss"),
    case("attention", "seed + 100", "seed + 101", "data order|RNG draws", "fit"),
    case("attention", "(step + 1) / 20", "(step + 1) / 30", "optimizer", "learning_rate"),
    case("attention", "        optimizer.zero_grad()\n", "", "backward", "fit"),
    case("attention", "self.norm(x))", "x)", "forward", "Block.forward"),
    case(
        "attention",
        "manual_seed(1)",
        "manual_seed(2)",
        "evaluation|data order|RNG draws",
        "accuracy",
    ),
    # recurrent
    case(
        "recurrent",
        "order = np.random.permutation(len(windows))",
        "order = np.arange(len(windows))",
        "data order",
        "batches",
    ),
    case("recurrent", "torch.tanh(", "torch.relu(", "forward", "Cell.forward"),
    case("recurrent", "-0.1, 0.1)", "-0.2, 0.2)", "initialisation", "Forecaster.reset_readout"),
    case("recurrent", "(error**2).mean()", "error.abs().mean()", "loss", "training_loss"),
    case("recurrent", "alpha=0.95", "alpha=0.9", "optimizer", "train"),
    case("recurrent", "np.abs(series).max()", "np.abs(series).mean()", "data", "make_windows"),
    case(
        "recurrent", ".abs().mean().item()", ".square().mean().item()", "evaluation", "test_error"
    ),
    case("recurrent", "model.parameters(), 0.5)", "model.parameters(), 1e-4)", "backward", "train"),
    # autoencoder
    case(
        "autoencoder", "0.5 * log_variance)", "0.4 * log_variance)", "forward", "Autoencoder.sample"
    ),
    case("autoencoder", "BETA = 0.01", "BETA = 0.02", "loss", "<module>"),
    case(
        "autoencoder",
        "functional.mse_loss(output, x)",
        "functional.mse_loss(output, x, reduction='sum')",
        "loss",
        "objective",
    ),
    case(
        "autoencoder",
        "0.05 * torch.randn(x.shape)",
        "0.05 * torch.rand(x.shape)",
        "RNG draws",
        "corrupt",
    ),
    case("autoencoder", '["lr"] = 0.05', '["lr"] = 0.01', "optimizer", "train"),
    case(
        "autoencoder",
        "mean, log_variance = self.encoder(x)",
        "mean, log_variance = self.encoder(x.detach().roll(1, 0))",
        "forward",
        "Autoencoder.forward",
    ),
    # contrastive
    case("contrastive", "TEMPERATURE = 0.2", "TEMPERATURE = 0.3", "loss", "<module>"),
    case("contrastive", "> 0.2\n", "> 0.3\n", "data", "augment"),
    case("contrastive", "momentum=0.95", "momentum=0.9", "optimizer", "follow"),
    case("contrastive", "** 2).sum", "** 4).sum", "evaluation", "nearest_neighbour_accuracy"),
    # functional
    case("functional", "* 0.4", "* 0.5", "initialisation", "make_parameters"),
    case("functional", "RATE = 0.3", "RATE = 0.2", "optimizer", "<module>"),
    case(
        "functional",
        "random.sample(range(n), size)",
        "[random.randrange(n) for _ in range(size)]",
        "data order|RNG draws",
        "choose",
    ),
)

NEUTRAL = (
    case(
        "char_lm", "windows = corpus.test_windows", "windows = corpus.test_windows.clone()", "", ""
    ),
    case(
        "sklearn_model",
        "model.predict_proba(data.test_features)[:, 1]",
        "model.predict_proba(data.test_features).T[1]",
        "",
        "",
    ),
    case("mlp", "optimizer.zero_grad()", "optimizer.zero_grad(set_to_none=False)", "", ""),
    case("attention", "torch.no_grad():", "torch.inference_mode():", "", ""),
    case("autoencoder", "self.layers[1](hidden)", "self.layers[-1](hidden)", "", ""),
    case("functional", "torch.zeros(24)", "0.0 * torch.ones(24)", "", ""),
)
