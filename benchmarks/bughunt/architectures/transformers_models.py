"""Tiny models of every family that transformers' auto classes know, each with its own loss.

A family's configuration is shrunk by the names of its fields (`LIMITS`), so that no family needs
code of its own. What does not build or run this way is reported by `build`, with the reason.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import nn
from transformers import CONFIG_MAPPING, PretrainedConfig
from transformers.models.auto import modeling_auto

from .program import Batch, NotBuiltError, Parts, Program

transformers.logging.set_verbosity(transformers.logging.CRITICAL)

EXAMPLES, TOKENS, LABELS = 4, 12, 3
IGNORED = -100
VOCABULARY = 96
# Ids below are special (padding, begin, end, mask), ids above stand for images, sounds and so on.
FIRST_WORD, LAST_WORD = 8, 72
MASK = 3
IMAGE_SIZE = 64
SAMPLES = 5000
MOST_PARAMETERS = 5_000_000
# Fields whose sizes depend on each other in a way that names do not tell.
FIXED: dict[str, Any] = {
    "axial_pos_embds": False,
    "attention_types": [[["global", "local"], 1]],
    "default_language": "en_XX",
}
# Fields that may be None where the model needs a number.
NEEDED = frozenset(
    ["vocab_size", "num_experts_per_tok", "n_routed_experts", "num_key_value_heads", "head_dim"]
)
# Stand in `LIMITS` for what a `Way` says.
WIDTH, LAYERS = -1, -2
LARGE = 1 << 20

# The largest value of a field whose whole name matches; the first match counts.
LIMITS: tuple[tuple[str, int], ...] = (
    (r"(\w+_)?vocab(ulary)?_size(_\w+)?", VOCABULARY),
    (r"num_key_value_heads|num_kv_heads|n_kv_heads", 2),
    (r"(\w+_)?(num|n)_(\w+_)?heads?|(encoder|decoder)_attention_heads|n_head|\w+_n_heads", 4),
    (r"rotary_dim", 8),
    (r"(\w+_)?head_dim|d_kv|(\w+_)?head_size|\w+_d_head|(\w+_)?dim_head", 8),
    (
        r"(\w+_)?(intermediate_size|ffn_hidden_size|ffn_dim|inner_dim|n_inner|d_inner|d_ff|ff_dim)",
        64,
    ),
    (r"(\w+_)?(num|n)_(\w+_)?(layers?|blocks)|(encoder|decoder)_layers|n_layer|depth", LAYERS),
    (r"(\w+_)?lora_rank(_\w+)?|\w+_rank", 16),
    (r"(\w+_)?(num|n)_(\w+_)?experts(_per_tok|_per_token)|moe_top_?k|top_k|moe_k", 2),
    (r"(\w+_)?(num|n)_(\w+_)?experts", 4),
    (r"first_k_dense_replace", 1),
    (r"n_group|topk_group|mamba_n_groups|n_groups", 1),
    (r"(\w+_)?state_size|(\w+_)?d_state", 8),
    (r"(\w+_)?(hidden_size|hidden_dim|embed_dim|embedding_size|embedding_dim|proj_dim)", WIDTH),
    (r"(\w+_)?d_model|n_embd|emb_dim|dim|d_embed|\w+_dim|\w+_width|\w+_size_per_\w+", WIDTH),
    (
        r"(\w+_)?(max_position_embeddings|positions|context_length|max_seq_len|max_sequence_length)",
        64,
    ),
    (r"(\w+_)?image_size", IMAGE_SIZE),
    (r"(\w+_)?patch_size", 8),
    (r"(\w+_)?expand", 1),
    (r"num_conv_pos_embeddings", 8),
    (r"num_conv_pos_embedding_groups", 4),
)
LISTED: tuple[tuple[str, int], ...] = (
    (r"(\w+_)?depths?|(\w+_)?num_blocks|layer_repeats|layers", 1),
    (r"(\w+_)?(hidden_sizes|embed_dims?|channels|hidden_channels|conv_dim|tdnn_dim|key_dim)", 32),
    (r"num_heads|(\w+_)?num_attention_heads|(\w+_)?num_key_value_heads", 2),
)


@dataclass(frozen=True)
class Way:
    """One way of shrinking: the width of the network, its layers, and whether lists shrink too."""

    width: int
    layers: int
    lists: bool


# Tried in order. Families that alternate kinds of layers need more than two of them.
WAYS = (Way(32, 2, True), Way(32, 4, True), Way(64, 2, True), Way(64, 8, True), Way(64, 2, False))


@dataclass(frozen=True)
class Task:
    """One kind of head.

    Attributes:
        name: as printed.
        mapping: name of transformers' table of model classes by family.
        make_batch: ``make_batch(config, generator)`` gives the keyword arguments of the model.
    """

    name: str
    mapping: str
    make_batch: Callable[[PretrainedConfig, torch.Generator], Batch]

    @property
    def classes(self) -> dict[str, str]:
        """Names of model classes by family."""
        found: dict[str, str] = {}
        for family, name in getattr(modeling_auto, self.mapping).items():
            found[family] = name if isinstance(name, str) else name[0]
        return found


def words(generator: torch.Generator) -> Batch:
    """Random token ids, the last two examples padded on the right, with their mask."""
    ids = torch.randint(FIRST_WORD, LAST_WORD, (EXAMPLES, TOKENS), generator=generator)
    mask = torch.ones_like(ids)
    for example, length in ((EXAMPLES - 2, TOKENS - 2), (EXAMPLES - 1, TOKENS - 5)):
        ids[example, length:] = 0
        mask[example, length:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def causal_batch(config: PretrainedConfig, generator: torch.Generator) -> Batch:
    """Words and themselves as labels: the model shifts them."""
    batch = words(generator)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, IGNORED)
    return batch | {"labels": labels}


def packed_batch(config: PretrainedConfig, generator: torch.Generator) -> Batch:
    """The same without padding: only then some models leave the mask to the attention kernel."""
    ids = torch.randint(FIRST_WORD, LAST_WORD, (EXAMPLES, TOKENS), generator=generator)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.clone()}


def masked_batch(config: PretrainedConfig, generator: torch.Generator) -> Batch:
    """Words of which a quarter is hidden and asked for."""
    batch = words(generator)
    hidden = torch.rand(batch["input_ids"].shape, generator=generator) < 0.25
    hidden[:, 1] = True
    hidden &= batch["attention_mask"] == 1
    labels = batch["input_ids"].masked_fill(~hidden, IGNORED)
    return batch | {"input_ids": batch["input_ids"].masked_fill(hidden, MASK), "labels": labels}


def translation_batch(config: PretrainedConfig, generator: torch.Generator) -> Batch:
    """Words and other words as labels: the model makes the decoder's input from them."""
    if not config.is_encoder_decoder:  # a language model behind another tower, used without it
        return causal_batch(config, generator)
    labels = torch.randint(FIRST_WORD, LAST_WORD, (EXAMPLES, TOKENS - 3), generator=generator)
    return words(generator) | {"labels": labels}


def sentence_batch(config: PretrainedConfig, generator: torch.Generator) -> Batch:
    """Words with one class per example."""
    return words(generator) | {"labels": classes(generator)}


def tagging_batch(config: PretrainedConfig, generator: torch.Generator) -> Batch:
    """Words with one class per token, none at the padding."""
    batch = words(generator)
    labels = torch.randint(LABELS, batch["input_ids"].shape, generator=generator)
    return batch | {"labels": labels.masked_fill(batch["attention_mask"] == 0, IGNORED)}


def image_batch(config: PretrainedConfig, generator: torch.Generator) -> Batch:
    """Noise with one class per image, in the size that the configuration names."""
    size = getattr(config, "image_size", None) or getattr(config, "input_size", None) or IMAGE_SIZE
    height, width = size if isinstance(size, list | tuple) else (size, size)
    shape = (EXAMPLES, getattr(config, "num_channels", 3), height, width)
    return {"pixel_values": torch.randn(shape, generator=generator), "labels": classes(generator)}


def sound_batch(config: PretrainedConfig, generator: torch.Generator) -> Batch:
    """Noise with one class per clip: raw samples, or frames where the model takes those."""
    labels = classes(generator)
    if config.model_type == "audio-spectrogram-transformer":
        shape: tuple[int, ...] = (EXAMPLES, config.max_length, config.num_mel_bins)
    elif config.model_type == "wav2vec2-bert":
        frames = torch.randn(
            EXAMPLES, 2 * TOKENS, config.feature_projection_input_dim, generator=generator
        )
        return {"input_features": frames, "labels": labels}
    else:
        shape = (EXAMPLES, SAMPLES)
    return {"input_values": torch.randn(shape, generator=generator), "labels": labels}


def classes(generator: torch.Generator) -> torch.Tensor:
    """One class per example, not all alike."""
    return (
        torch.randint(LABELS, (EXAMPLES,), generator=generator)
        .index_fill(0, torch.tensor([0]), 0)
        .index_fill(0, torch.tensor([1]), 1)
    )


CAUSAL = Task("causal-lm", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", causal_batch)
PACKED = Task("packed-lm", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", packed_batch)
TASKS = (
    Task("seq2seq", "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES", translation_batch),
    Task("masked-lm", "MODEL_FOR_MASKED_LM_MAPPING_NAMES", masked_batch),
    CAUSAL,
    Task("sequence", "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES", sentence_batch),
    Task("token", "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES", tagging_batch),
    Task("image", "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES", image_batch),
    Task("audio", "MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES", sound_batch),
)


def programs(packed: bool = False) -> Iterator[Program]:
    """One program per family: its first task of `TASKS`; encoders that can decode do both.

    If `packed`, every family that can be a causal language model, on batches without padding.
    """
    seen: set[str] = set()
    for task in (PACKED,) if packed else TASKS:
        for family in sorted(task.classes):
            if family in seen and not (task is CAUSAL and can_decode(family)):
                continue
            seen.add(family)
            yield Program(f"{family}:{task.name}", functools.partial(build, family, task), own_loss)


def can_decode(family: str) -> bool:
    """Whether an encoder becomes a causal model by ``is_decoder=True``."""
    causal = CAUSAL.classes.get(family)
    return (
        causal is not None
        and "is_decoder" in fields(CONFIG_MAPPING[family])
        and family not in TASKS[0].classes
    )


def build(family: str, task: Task) -> Parts:
    """Functions that make the tiny model and draw its batches.

    Raises:
        NotBuiltError: no way of shrinking gives a model that runs, with the first reason.
    """
    reasons: list[str] = []
    for way in WAYS:
        try:
            return built(family, task, way)
        except Exception as error:  # whatever the library raises on a configuration it cannot take
            reasons.append(f"{type(error).__name__}: {error}".partition("\n")[0])
    raise NotBuiltError(reasons[0])


def built(family: str, task: Task, way: Way) -> Parts:
    """The same, shrunk in one way; raises whatever the library raises."""
    name = task.classes[family]
    config = shrunk(getattr(transformers, name).config_class or CONFIG_MAPPING[family], way)
    if config.is_encoder_decoder and getattr(config, "decoder_start_token_id", None) is None:
        config.decoder_start_token_id = 0
    if task in (CAUSAL, PACKED) and "is_decoder" in fields(type(config)):
        config.is_decoder = True
    make_model = functools.partial(made, name, config)
    with torch.device("meta"):
        size = sum(p.numel() for p in make_model().parameters())
    if size > MOST_PARAMETERS:
        raise NotBuiltError(f"{size:,} parameters after shrinking")
    model = make_model()
    known = frozenset(inspect.signature(model.forward).parameters)
    make_batch = functools.partial(batch_for, known, task, config)
    loss = own_loss(model, make_batch(torch.Generator().manual_seed(0)))
    if not bool(loss.isfinite()):
        raise NotBuiltError(f"the first loss is {float(loss)}")
    return make_model, make_batch


def batch_for(
    known: frozenset[str], task: Task, config: PretrainedConfig, generator: torch.Generator
) -> Batch:
    """A batch of the entries that a model takes, with boxes where it needs a page's layout."""
    batch = task.make_batch(config, generator)
    if "bbox" in known:
        boxes = torch.randint(60, (*batch["input_ids"].shape, 4), generator=generator)
        batch["bbox"] = boxes.sort(-1).values
    return {name: tensor for name, tensor in batch.items() if name in known}


def made(name: str, config: PretrainedConfig) -> nn.Module:
    """A model with random weights, in training mode; the configuration is not shared."""
    model: nn.Module = getattr(transformers, name)(type(config).from_dict(config.to_dict()))
    return model.float().train()


def own_loss(model: nn.Module, batch: Batch) -> torch.Tensor:
    """The loss that the model itself computes from labels."""
    loss: torch.Tensor = model(**batch).loss
    return loss


def shrunk(kind: type[PretrainedConfig], way: Way) -> PretrainedConfig:
    """A configuration whose sizes are at most those of `LIMITS` and `LISTED`."""
    default = kind()
    changed: dict[str, Any] = {}
    for name in fields(kind):
        small = FIXED.get(name, smaller(name, value_of(default, name), way))
        if small is not None:
            changed[name] = small
    heads = value_of(default, "num_attention_heads")
    if heads is not None and heads == value_of(default, "num_key_value_heads"):
        changed["num_key_value_heads"] = changed.get("num_attention_heads", heads)
    if "pad_token_id" in fields(kind):
        changed["pad_token_id"] = 0
    if "decoder" in changed and "is_decoder" in fields(type(changed["decoder"])):
        changed["decoder"].update({"is_decoder": True, "add_cross_attention": True})
    config = kind(**changed)
    config.num_labels = LABELS
    return config


def smaller(name: str, value: Any, way: Way) -> Any:
    """What a field is set to; None leaves it alone."""
    if isinstance(value, PretrainedConfig):
        return shrunk(type(value), way)
    if value is None and name in NEEDED:
        value = LARGE
    listed = isinstance(value, list | tuple) and way.lists
    if listed and value and all(type(entry) is int for entry in value):
        most = limit(name, LISTED)
        return type(value)(min(entry, most) for entry in value) if most else None
    if type(value) is not int:
        return None
    if name.endswith(("_token_id", "_token_index")):
        return special(name, value)
    most = limit(name, LIMITS)
    if most is None:
        return None
    return min(value, {WIDTH: way.width, LAYERS: way.layers}.get(most, most))


def value_of(config: PretrainedConfig, name: str) -> Any:
    """A field; None if there is none, or one for each layer, which transformers does not tell."""
    try:
        return getattr(config, name, None)
    except Exception:  # its class is private
        return None


def special(name: str, value: int) -> int:
    """An id inside the vocabulary that no word has."""
    known = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "mask_token_id": MASK}
    if name in known:
        return known[name]
    if value < FIRST_WORD:
        return value
    return LAST_WORD + sum(name.encode()) % (VOCABULARY - LAST_WORD)


def limit(name: str, table: tuple[tuple[str, int], ...]) -> int | None:
    """The first entry of a table that the name matches."""
    return next((most for pattern, most in table if re.fullmatch(pattern, name)), None)


def fields(kind: type[PretrainedConfig]) -> list[str]:
    """Names that a configuration's constructor takes."""
    return [name for name in inspect.signature(kind).parameters if name not in ("self", "kwargs")]
