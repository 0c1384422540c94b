"""A device that is not there: tensors say that they lie on it, and refuse to meet those of the processor.

    with distance():
        head.to(DISTANT)(steps.to(DISTANT), ...)

Each of them holds a real one and computes with it, so that everything runs (`if mask.any()` too, and gradients), and
must answer as it does on the processor. What a GPU would refuse is refused: operations on tensors of both kinds, except
where torch allows it (a number without axes, an index from the processor, copies), and `.numpy()` without `.cpu()`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as tree
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

DISTANT = torch.device("meta")
"""A name that torch knows: it has no memory of its own, so that nothing computes there by accident."""
HERE = torch.device("cpu")
_ops = torch.ops.aten
_CROSSING = (_ops._to_copy.default, _ops.copy_.default)
_pack = _ops._pack_padded_sequence.default
_MAY_BE_HERE = {
    _ops.index.Tensor: 1, _ops.index_put_.default: 1, _ops.index_put.default: 1, _ops._index_put_impl_.default: 1,
    _pack: 1, _ops._pack_padded_sequence_backward.default: 2,
}  # fmt: skip
"""Operation → which of its arguments torch takes from the processor: indices, and the lengths of sequences."""


class Distant(torch.Tensor):
    """A tensor that lies elsewhere, as far as anybody can see."""

    held: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, real: torch.Tensor) -> "Distant":
        with torch.inference_mode(mode=False):  # a view is as its base, and weights are made before
            made = torch.Tensor._make_wrapper_subclass(
                cls, real.shape, real.stride(), real.storage_offset(), dtype=real.dtype, device=DISTANT
            )
        made.held = real
        return made

    def __repr__(self) -> str:
        return f"Distant({self.held})"

    def tolist(self) -> Any:
        """Bring it here first, as torch does; its own way is closed to subclasses."""
        return self.cpu().tolist()

    def __getitem__(self, key: Any) -> Any:
        """Take lists as tensors: torch would bring a list to the other device by a way that nobody sees."""
        keys = key if isinstance(key, tuple) else (key,)
        return super().__getitem__(tuple(torch.tensor(one) if isinstance(one, list) else one for one in keys))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with _Distance():
            return func(*args, **(kwargs or {}))


class _Distance(TorchDispatchMode):
    """Computes with what the tensors hold."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if torch.is_inference_mode_enabled():  # what is made of other operations then comes whole
            with self:
                answer = func.decompose(*args, **kwargs)
            if answer is not NotImplemented:
                return answer
        given = [value for value in tree.tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
        far = any(isinstance(value, Distant) for value in given)
        wish = kwargs.get("device")
        if wish is not None:
            kwargs["device"], far = HERE, wish == DISTANT
        if func in _CROSSING:
            far = far if wish is not None else isinstance(args[0], Distant)
        elif far:
            _refuse_strangers(func, args, given)
        real_args, real_kwargs = tree.tree_map_only(Distant, lambda value: value.held, (args, kwargs))
        answer = func(*real_args, **real_kwargs)
        if not far:
            return answer
        lengths = answer[1:] if func is _pack else ()  # which stay here
        answer = tree.tree_map_only(torch.Tensor, Distant, answer)
        answer = (answer[0], *lengths) if lengths else answer
        if torch.is_inference_mode_enabled():  # which knows no views
            return args[0] if func._schema.is_mutable else answer
        return return_and_correct_aliasing(func, args, kwargs, answer)


class _Made(TorchFunctionMode):
    """Brings what is made of numbers there by a way that is seen; torch's own would leave its content behind."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == DISTANT:
            return func(*args, **{**kwargs, "device": HERE}).to(DISTANT)
        if func is torch.Tensor.new_tensor and isinstance(args[0], Distant):
            return torch.tensor(args[1], dtype=args[0].dtype).to(DISTANT)
        return func(*args, **kwargs)


def _refuse_strangers(func: Any, args: Any, given: list[torch.Tensor]) -> None:
    near = [value for value in given if not isinstance(value, Distant) and (value.ndim or value.is_meta)]
    allowed = (
        tree.tree_leaves(args[_MAY_BE_HERE[func]]) if func in _MAY_BE_HERE and isinstance(args[0], Distant) else []
    )
    near = [value for value in near if not any(value is one for one in allowed)]
    if near:
        shapes = ", ".join(str(list(value.shape)) for value in near)
        raise RuntimeError(f"{func} was given tensors of the processor ({shapes}) beside those of another device")


@contextmanager
def distance() -> Iterator[None]:
    """Inside, `DISTANT` can be used."""
    with _Made(), _Distance():
        yield
