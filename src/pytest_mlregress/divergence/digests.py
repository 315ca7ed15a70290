"""A few numbers that stand for a value: an array, a model, an estimator, or any nest of them.

Neither numpy nor torch is imported: a value of theirs can only exist where they are.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from pytest_mlregress.divergence.events import Digest

MAX_BYTES: Final = 64 * 1024 * 1024
"""How many bytes of one nest are hashed; what comes later in it is passed over."""
MAX_ENTRIES: Final = 4096
"""Entries of one container or object that are looked at."""
MAX_DEPTH: Final = 6
MAX_VALUES: Final = 600
"""Values of one nest that are looked at, which a forest of trees may have many more of."""
MAX_PROJECTED: Final = 1 << 18
"""Entries of an array that its projection uses, evenly spread over it."""
MAX_ROWS: Final = 64

_OPAQUE: Final = (FunctionType, BuiltinFunctionType, MethodType, ModuleType, type)
_SCALARS: Final = (bool, int, str, bytes, complex, type(None))
_PLAIN: Final = frozenset({*_SCALARS, float})
_PLUGIN: Final = "pytest_mlregress"
_weights: dict[int, Any] = {}


def digest_of(value: Any) -> Digest:
    """The digest of a value.

    An array keeps its norm and projection, in float64; a float is an array of one entry. Functions,
    files and other objects without a state that can be read count as their type alone, so that no
    address in memory ever enters.

    Args:
        value: anything.

    Returns:
        The digest.
    """
    array = as_array(value)
    if array is not None:
        return array_digest(array, _dtype(value))
    if isinstance(value, float):
        number = value if math.isfinite(value) else 0.0
        return Digest(_bits(repr(value)), abs(number), number, "float")
    state = _Hash()
    _feed(state, value, 0)
    return Digest(state.hash.hexdigest(), kind=type(value).__name__)


def array_digest(array: Any, dtype: str, *, rows: bool = False) -> Digest:
    """The digest of a numpy array.

    Args:
        array: the array, of any shape and of a dtype that is not ``object``.
        dtype: the name of its dtype in the user's library.
        rows: whether to hash the first `MAX_ROWS` rows, too.

    Returns:
        The digest.
    """
    import numpy as np

    whole: Any = np.ascontiguousarray(array)
    kind = f"{dtype}{list(array.shape)}"
    bits = blake2b(memoryview(whole).cast("B") if whole.size else b"", digest_size=8)
    bits.update(kind.encode())
    norm = projection = 0.0
    if whole.dtype.kind in "fiub" and whole.size:
        flat = whole.reshape(-1)
        flat = flat[:: -(-flat.size // MAX_PROJECTED)].astype(np.float64, copy=False)
        with np.errstate(all="ignore"):
            norm = float(np.sqrt(np.dot(flat, flat)))
            projection = float(np.dot(flat, _weights_of(flat.size)))
    hashes = _row_hashes(whole) if rows and whole.ndim else ()
    return Digest(bits.hexdigest(), norm, projection, kind, hashes)


def as_array(value: Any) -> Any:
    """A tensor's or array's values as a numpy array, without copying where that can be helped.

    Args:
        value: anything.

    Returns:
        The array; None for what is no array, or has no values to read (meta tensors, tensors under
        ``vmap``, arrays of objects).
    """
    numpy: Any = sys.modules.get("numpy")
    kinds: Any = (getattr(numpy, "ndarray", ()), getattr(numpy, "generic", ()))
    if numpy is not None and isinstance(value, kinds):
        return None if value.dtype.hasobject else numpy.asarray(value)
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(value, getattr(torch, "Tensor", ())):
        return None
    return _tensor_values(torch, value)


def _tensor_values(torch: Any, tensor: Any) -> Any:
    with torch._C.DisableTorchFunction():
        try:
            plain = tensor.detach()
            if plain.layout is not torch.strided:
                plain = plain.to_dense()
            if plain.is_complex():
                plain = torch.view_as_real(plain.resolve_conj())
            if plain.dtype in (torch.bfloat16, torch.float16) or "float8" in str(plain.dtype):
                plain = plain.float()  # exact
            return plain.cpu().numpy()
        except (RuntimeError, TypeError, NotImplementedError):
            return None


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")


def _weights_of(size: int) -> Any:
    """Fixed numbers of mean square 1 that no seed and no generator has a part in."""
    if size not in _weights:
        import numpy as np

        if len(_weights) > 512:
            _weights.clear()
        phases = np.modf(np.arange(1, size + 1) * 0.6180339887498949)[0]
        # Uniform in [-sqrt 3, sqrt 3]; the golden ratio spreads neighbours apart.
        _weights[size] = (2.0 * phases - 1.0) * math.sqrt(3.0)
    return _weights[size]


def _row_hashes(array: Any) -> tuple[str, ...]:
    return tuple(blake2b(row.tobytes(), digest_size=4).hexdigest() for row in array[:MAX_ROWS])


def _bits(text: str) -> str:
    return blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()


@dataclass(slots=True)
class _Hash:
    hash: Any = field(default_factory=lambda: blake2b(digest_size=8))
    left: int = MAX_BYTES
    values: int = MAX_VALUES
    seen: set[int] = field(default_factory=set)

    def add(self, data: bytes | memoryview) -> None:
        if self.left > 0:
            self.hash.update(data)
            self.left -= len(data)

    def text(self, text: str) -> None:
        self.add(text.encode(errors="replace") + b"\0")


def _feed(state: _Hash, value: Any, depth: int) -> None:
    """Add a value and what it holds."""
    state.values -= 1
    array = as_array(value)
    if array is not None:
        state.text(array_digest(array, _dtype(value)).bits)
        return
    state.text(type(value).__qualname__)
    if isinstance(value, (*_SCALARS, float)):
        state.text(repr(value))
        return
    if isinstance(value, list | tuple) and value and set(map(type, value)) <= _PLAIN:
        state.text(repr(value))
        return
    if isinstance(value, _OPAQUE) or depth >= MAX_DEPTH or id(value) in state.seen:
        return
    if type(value).__module__.partition(".")[0] == _PLUGIN:
        return  # the fixture `mlregress` holds folders of its own seed, and is the same otherwise
    state.seen.add(id(value))
    for key, part in _parts(value):
        if state.left <= 0 or state.values <= 0:
            return
        state.text(key)
        _feed(state, part, depth + 1)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value consists of, in an order that is the same in every process."""
    try:
        found = list(_all_parts(value))[:MAX_ENTRIES]
    except Exception:  # a property of the user's that raises says nothing
        return
    yield from found


def _all_parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, part in list(value.items())[:MAX_ENTRIES]:
            yield repr(key) if isinstance(key, (*_SCALARS, float)) else type(key).__name__, part
    elif isinstance(value, list | tuple):
        for part in value[:MAX_ENTRIES]:
            yield "", part
    elif isinstance(value, set | frozenset):
        yield from (("", text) for text in sorted(map(repr, value)) if " at 0x" not in text)
    elif (special := _special(value)) is not None:
        yield from special(value)
    else:
        yield from sorted(getattr(value, "__dict__", {}).items())
        for name in getattr(type(value), "__slots__", ()):
            if isinstance(name, str) and hasattr(value, name):
                yield name, getattr(value, name)


def _special(value: Any) -> Callable[[Any], Iterator[tuple[str, Any]]] | None:
    """How to read values whose ``__dict__`` holds what does not matter."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "optim"):
        if isinstance(value, torch.nn.Module):
            return _of_module
        if isinstance(value, torch.optim.Optimizer):
            return lambda optimizer: iter([("groups", optimizer_settings(optimizer))])
        if isinstance(value, torch.Generator):
            return lambda generator: iter([("state", generator.get_state())])
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None and hasattr(numpy, "Generator"):
        if isinstance(value, numpy.Generator):
            return lambda generator: iter([("state", generator.bit_generator.state)])
        if isinstance(value, numpy.RandomState):
            return lambda generator: iter([("state", generator.get_state())])
    if type(value).__module__.partition(".")[0] == "random":
        return lambda generator: iter([("state", generator.getstate())])
    if type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "to_numpy"):
        return lambda frame: iter([("values", list(frame.to_numpy().ravel()))])
    return None


def _of_module(module: Any) -> Iterator[tuple[str, Any]]:
    for path, part in module.named_modules():
        yield path, (type(part).__name__, part.extra_repr(), part.training)
    yield from module.state_dict().items()


def optimizer_settings(optimizer: Any) -> list[dict[str, Any]]:
    """The settings of an optimizer's groups of parameters, without the parameters.

    Args:
        optimizer: an optimizer of torch.

    Returns:
        One mapping per group.
    """
    return [
        {name: value for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]
