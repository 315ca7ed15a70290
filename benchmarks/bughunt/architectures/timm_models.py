"""Small models of timm, one for each of its modules that shrinks enough, with cross-entropy."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import timm
import torch
from torch import nn
from torch.nn import functional

from .program import Batch, NotBuiltError, Parts, Program

EXAMPLES, LABELS = 4, 5

# What the models are made smaller with, the height and width of their images, and their names.
MODELS: tuple[tuple[dict[str, Any], int, str], ...] = (
    (
        {"embed_dim": 32, "depth": 2, "num_heads": 2},
        224,
        """
        beit_base_patch16_224 cait_xxs24_224 deepseek_vit_412m deit_tiny_patch16_224
        eva02_tiny_patch14_224 vit_tiny_r_s16_p8_224
        """,
    ),
    (
        {},
        64,
        """
        test_byobnet cpubone_nano cs3darknet_s densenet121 test_efficientnet efficientvit_m0
        ghostnet_050 hardcorenas_a hgnetv2_b0 iformer_t lcnet_050 mobilevit_xxs
        regnetx_004_tv repghostnet_050 repvit_m0_9 rexnet_100 ese_vovnet19b_slim_dw
        """,
    ),
    (
        {},
        128,
        """
        efficientvim_m1 shvit_s1
        """,
    ),
    (
        {"embed_dim": 32, "depth": 2, "num_heads": 2, "local_up_to_layer": 1},
        224,
        """
        convit_tiny
        """,
    ),
    (
        {"img_size": 64},
        64,
        """
        coat_tiny gmlp_ti16_224
        """,
    ),
    (
        {"depths": (1, 1, 1, 1), "dims": (16, 24, 32, 48)},
        64,
        """
        test_convnext edgenext_small inception_next_atto test_mambaout
        """,
    ),
    (
        {"depths": (1, 1, 1, 1)},
        64,
        """
        cspnext_tiny efficientvit_b0 lcnetv2_small test_nfnet starnet_s050
        """,
    ),
    (
        {"embed_dims": (16, 32, 48, 64), "depths": (1, 1, 1, 1), "num_heads": (1, 2, 2, 4)},
        64,
        """
        davit_tiny pvt_v2_b0 tiny_vit_5m_224
        """,
    ),
    (
        {"depths": (1, 1, 1, 1), "embed_dims": (16, 24, 32, 48)},
        224,
        """
        efficientformer_l1 efficientformerv2_s0
        """,
    ),
    (
        {"embed_dim": 16, "depths": (1, 1, 1, 1)},
        64,
        """
        fasternet_t0
        """,
    ),
    (
        {"layers": (1, 1, 1, 1)},
        64,
        """
        fastvit_t8 legacy_seresnet18
        """,
    ),
    (
        {"embed_dim": 32, "depth": 2, "num_heads": 2},
        64,
        """
        gemma4_vit_167m naflexvit_base_patch16_siglip qwen3_vit_306m test_vit
        samvit_base_patch16 xcit_nano_12_p8_224
        """,
    ),
    (
        {"embed_dim": 32},
        224,
        """
        hiera_tiny_224
        """,
    ),
    (
        {"embed_dim": 32},
        64,
        """
        sam2_hiera_tiny
        """,
    ),
    (
        {"depths": (1, 1, 1, 1), "img_size": 64},
        64,
        """
        test_maxvit
        """,
    ),
    (
        {},
        224,
        """
        pit_ti_224
        """,
    ),
    (
        {"layers": (1, 1, 1, 1), "channels": (16, 24, 32, 48)},
        64,
        """
        res2net50_14w_8s resnest14d test_resnet resnetv2_18 skresnet18
        """,
    ),
    (
        {"layers": (1, 1, 1, 1), "embed_dims": (16, 24, 32, 48)},
        64,
        """
        sequencer2d_s swiftformer_xs
        """,
    ),
    (
        {"embed_dim": 16, "depths": (1, 1, 1, 1)},
        224,
        """
        swin_s3_tiny_224
        """,
    ),
    (
        {"embed_dim": 32, "depths": (1, 1, 1, 1), "num_heads": (1, 2, 2, 4), "img_size": 64},
        64,
        """
        swinv2_tiny_window8_256
        """,
    ),
    (
        {"embed_dim": 32, "depths": (1, 1, 1, 1), "num_heads": (1, 2, 2, 4)},
        224,
        """
        swinv2_cr_tiny_224
        """,
    ),
    (
        {"layers": (1, 1, 1, 1), "width_factor": 0.25},
        64,
        """
        tresnet_l
        """,
    ),
    (
        {"depths": (1, 1, 1, 1), "embed_dims": (16, 24, 32, 48)},
        64,
        """
        twins_svt_small
        """,
    ),
    (
        {"embed_dim": 32, "depth": 2, "num_heads": 2, "img_size": 64},
        64,
        """
        visformer_tiny test_vit_relpos
        """,
    ),
)


def programs() -> Iterator[Program]:
    """One program per model of `MODELS`."""
    for arguments, pixels, names in MODELS:
        for name in names.split():
            build_one = functools.partial(build, name, arguments, pixels)
            yield Program(f"{name}:image", build_one, cross_entropy)


def build(name: str, arguments: dict[str, Any], pixels: int) -> Parts:
    """Functions that make the model and draw its batches.

    Raises:
        NotBuiltError: timm does not know the model, or it does not run.
    """
    make_model = functools.partial(timm.create_model, name, num_classes=LABELS, **arguments)
    make_batch: Callable[[torch.Generator], Batch]
    try:
        channels = make_model().default_cfg["input_size"][0]
        make_batch = functools.partial(images, (EXAMPLES, channels, pixels, pixels))
        cross_entropy(make_model(), make_batch(torch.Generator().manual_seed(0)))
    except Exception as error:  # whatever another version of timm raises
        raise NotBuiltError(f"{type(error).__name__}: {error}".partition("\n")[0]) from error
    return make_model, make_batch


def images(shape: tuple[int, ...], generator: torch.Generator) -> Batch:
    """Noise with one class per image, not all alike."""
    labels = torch.randint(LABELS, shape[:1], generator=generator)
    labels[0], labels[1] = 0, 1
    return {"images": torch.randn(shape, generator=generator), "labels": labels}


def cross_entropy(model: nn.Module, batch: Batch) -> torch.Tensor:
    """Of the logits; the mean of both heads' for models with a second one for distillation."""
    output = model(batch["images"])
    heads = output if isinstance(output, tuple) else (output,)
    losses = [functional.cross_entropy(logits, batch["labels"]) for logits in heads]
    return torch.stack(losses).mean()
