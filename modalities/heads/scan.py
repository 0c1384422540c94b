"""Selective scan: a state per channel, of which each step decides what is kept and what is added (Mamba, 2312.00752).

    h[t] = decay[t] · h[t-1] + Δ[t] · B[t] · u[t]        y[t] = C[t] · h[t]

`variant` says how the decay comes from Δ and A: `zoh`, the zero-order hold exp(Δ·A) of the Mamba paper, or `ras`, the
product Δ·exp(A) that the released code of RAS computes. A step that is masked holds the state.

`selective_scan` walks through time step by step as well: on a processor, a fused multiply-add per step beats doubling
(a tree of products, log2(T) times the work) by 1.6 times at 20 steps and 6 times at 400, batch 1, without gradient; and
no power of a large number is ever taken. It is fast because a block of steps stays in the cache, and its gradient is
written out: only the states between blocks are kept, never all [B, T, D, N]. `scan_slowly` is its oracle: the
definition with torch's own gradient; `python -m benchmarks.scan` times both.

Axis letters: B batch, T steps, D channels, N numbers of state per channel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.amp.autocast_mode import is_autocast_available
from torch.autograd.function import once_differentiable

Variant = Literal["zoh", "ras"]

BLOCK = 2**19
"""Numbers of state in a block of steps: half as many, or twice, took longer on 256 channels of 16 (batch 1 and 32)."""


class System(NamedTuple):
    """A selective state space: input u, step size Δ > 0, what it forgets (A, below zero), takes in (B), tells (C)."""

    u_BTD: Tensor
    delta_BTD: Tensor
    A_DN: Tensor
    B_BTN: Tensor
    C_BTN: Tensor

    def holding(self, mask_BT: Tensor) -> System:
        """Take nothing in where the mask is false, whatever stands there (even NaN)."""
        u_BTD, delta_BTD, B_BTN = (
            torch.where(mask_BT[..., None], values, torch.zeros_like(values))
            for values in (self.u_BTD, self.delta_BTD, self.B_BTN)
        )
        return System(u_BTD, delta_BTD, self.A_DN, B_BTN, self.C_BTN)


def discretise(system: System, variant: Variant = "zoh", mask_BT: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return decay [B, T, D, N] and what is added to the state [B, T, D, N]: 1 and 0 at a masked step."""
    u_BTD, delta_BTD, A_DN, B_BTN, _ = system if mask_BT is None else system.holding(mask_BT)
    delta_BTD1 = delta_BTD[..., None]
    decay_BTDN = (delta_BTD1 * A_DN).exp() if variant == "zoh" else delta_BTD1 * A_DN.exp()
    if mask_BT is not None:
        decay_BTDN = torch.where(mask_BT[..., None, None], decay_BTDN, torch.ones_like(decay_BTDN))
    return decay_BTDN, (delta_BTD * u_BTD)[..., None] * B_BTN[:, :, None, :]


def scan_slowly(system: System, variant: Variant = "zoh", mask_BT: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return y [B, T, D] and all states [B, T, D, N]: the definition itself, which tests the fast one."""
    decay_BTDN, added_BTDN = discretise(system, variant, mask_BT)
    states = [torch.zeros_like(decay_BTDN[:, :1].sum(1))]
    for decay_BDN, added_BDN in zip(decay_BTDN.unbind(1), added_BTDN.unbind(1), strict=True):
        states.append(decay_BDN * states[-1] + added_BDN)
    states_BTDN = torch.stack(states, 1)[:, 1:]
    return torch.einsum("btdn,btn->btd", states_BTDN, system.C_BTN), states_BTDN


def selective_scan(system: System, variant: Variant = "zoh", mask_BT: Tensor | None = None) -> Tensor:
    """Return y [B, T, D], differentiable once; at a masked step it tells of the state held, which is to be left out."""
    kind = system.u_BTD.device.type
    if is_autocast_available(kind) and torch.is_autocast_enabled(kind):  # sums over time need full precision
        with torch.autocast(kind, enabled=False):
            return selective_scan(System(*(values.float() for values in system)), variant, mask_BT)
    system = system if mask_BT is None else system.holding(mask_BT)
    u_BTD, delta_BTD, A_DN, B_BTN, C_BTN = system
    if variant == "zoh" and u_BTD.is_cuda and (kernel := _kernel()):
        across = [values.transpose(1, 2).contiguous() for values in (u_BTD, delta_BTD, B_BTN, C_BTN)]
        told_BDT: Tensor = kernel(across[0], across[1], A_DN.contiguous(), across[2], across[3])
        return told_BDT.transpose(1, 2)
    rate_ND, hold_TB = A_DN.T, None
    if variant == "ras":
        rate_ND, hold_TB = A_DN.exp().T, torch.zeros_like(u_BTD[..., 0]).T
        if mask_BT is not None:  # Δ = 0 holds the state under `zoh`, exp(0) = 1, but clears it here: so this is added
            hold_TB = (~mask_BT).to(u_BTD.dtype).T
    u_TBD, delta_TBD, B_TBN, C_TBN = (values.transpose(0, 1) for values in (u_BTD, delta_BTD, B_BTN, C_BTN))
    given = (u_TBD, delta_TBD, rate_ND.contiguous(), B_TBN, C_TBN, hold_TB)
    if not torch.is_grad_enabled():  # nothing to remember
        return _scan(given, []).transpose(0, 1)
    told_TBD: Tensor = _Scan.apply(*given)  # type: ignore[no-untyped-call]  # torch publishes it without types
    return told_TBD.transpose(0, 1)


class _Scan(torch.autograd.Function):
    """The scan over time-major tensors, a block of steps at a time; D is last, so that every operation is one sweep."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        """Walk forwards; keep the state before each block."""
        ctx.save_for_backward(*given)
        ctx.starts = []
        return _scan(given, ctx.starts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, told_TBD: Tensor) -> tuple[Tensor | None, ...]:
        """Walk each block again, the last one first, and then backwards through it."""
        given = ctx.saved_tensors
        u_TBD, delta_TBD, rate_ND, B_TBN, C_TBN, hold_TB = given
        grads = [torch.zeros_like(values, memory_format=torch.contiguous_format) for values in given[:5]]
        later_BND = u_TBD.new_zeros(u_TBD.shape[1], *rate_ND.shape)
        for block, start_BND in reversed(list(zip(_blocks(u_TBD, rate_ND), ctx.starts, strict=True))):
            decay_TBND, states_TBND = _walk(block, given, start_BND)
            delta_TB1D, told_TB1D = delta_TBD[block].unsqueeze(2), told_TBD[block].unsqueeze(2)
            grad_TBND = C_TBN[block].unsqueeze(3) * told_TB1D  # of the states
            grad_TBND[-1] += later_BND
            for step in range(len(grad_TBND) - 1, 0, -1):
                grad_TBND[step - 1].addcmul_(decay_TBND[step], grad_TBND[step])
            later_BND = decay_TBND[0] * grad_TBND[0]
            taken_TBD = (B_TBN[block].unsqueeze(2) @ grad_TBND).squeeze(2)  # of Δ · u
            grads[0][block] = taken_TBD * delta_TBD[block]
            # Row times matrix: the same product as matrix times column takes seven times as long.
            grads[3][block] = ((delta_TB1D * u_TBD[block].unsqueeze(2)) @ grad_TBND.mT).squeeze(2)
            grads[4][block] = (told_TB1D @ states_TBND.mT).squeeze(2)
            grad_TBND[0] *= start_BND
            grad_TBND[1:] *= states_TBND[:-1]  # of the decay, from here on
            if hold_TB is None:
                grad_TBND *= decay_TBND  # of Δ · rate
            grads[1][block] = taken_TBD * u_TBD[block] + (grad_TBND * rate_ND).sum(2)
            grads[2] += (grad_TBND * delta_TB1D).sum((0, 1))
        return (*grads, None)


def _scan(given: tuple[Any, ...], starts: list[Tensor]) -> Tensor:
    """Walk forwards, block by block; leave the state before each in `starts`."""
    u_TBD, _, rate_ND, _, C_TBN, _ = given
    told_TBD = torch.empty_like(u_TBD, memory_format=torch.contiguous_format)
    state_BND = u_TBD.new_zeros(u_TBD.shape[1], *rate_ND.shape)
    for block in _blocks(u_TBD, rate_ND):
        starts.append(state_BND)
        _, states_TBND = _walk(block, given, state_BND)
        told_TBD[block] = (C_TBN[block].unsqueeze(2) @ states_TBND).squeeze(2)
        state_BND = states_TBND[-1].clone()
    return told_TBD


def _blocks(u_TBD: Tensor, rate_ND: Tensor) -> list[slice]:
    """Cut time into blocks whose states stay in the cache."""
    length = max(1, BLOCK // max(1, u_TBD.shape[1] * rate_ND.numel()))
    return [slice(first, first + length) for first in range(0, len(u_TBD), length)]


def _walk(block: slice, given: tuple[Any, ...], state_BND: Tensor) -> tuple[Tensor, Tensor]:
    """Return decay and states [T, B, N, D] of a block from the state before it."""
    u_TBD, delta_TBD, rate_ND, B_TBN, _, hold_TB = given
    decay_TBND = delta_TBD[block].unsqueeze(2) * rate_ND
    if hold_TB is None:
        decay_TBND.exp_()
    else:
        decay_TBND += hold_TB[block][..., None, None]
    states_TBND = (delta_TBD[block] * u_TBD[block]).unsqueeze(2) * B_TBN[block].unsqueeze(3)
    for step_BND, decay_BND in zip(states_TBND.unbind(0), decay_TBND.unbind(0), strict=True):
        state_BND = step_BND.addcmul_(decay_BND, state_BND)
    return decay_TBND, states_TBND


@cache
def _kernel() -> Callable[..., Tensor] | None:
    """Return the scan of `mamba-ssm`, where it is installed: one pass on a GPU."""
    try:
        scan: Callable[..., Tensor] = import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_fn
    except ImportError:
        return None
    return scan
