"""The published EmoAffectNet file (TorchScript, or a dictionary of weights) as safetensors.

    python -m modalities.encoders.emoaffectnet torchscript_model_0_66_37_wo_gl.pth FOLDER

TorchScript is read once, here, by whoever trusts the file; recognition reads only what this writes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from modalities.encoders.emoaffectnet.encoder import WEIGHTS
from modalities.encoders.emoaffectnet.network import EmoAffectNetwork, Sizes

_COUNTER = "num_batches_tracked"


def convert_emoaffectnet(path: Path, sizes: Sizes | None = None) -> dict[str, Tensor]:
    """Return the weights under this project's names; `sizes` where it is not the published ResNet-50.

    Both list their layers in the same order, so weights are matched by place, and checked by shape, by what they are
    (weight, bias, mean, variance) and by whether they stand in a shortcut. Raises ValueError where one differs.
    """
    given = {name: tensor for name, tensor in _read(path).items() if not name.endswith(_COUNTER)}
    with torch.device("meta"):
        network = EmoAffectNetwork(sizes or Sizes())
    wanted = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith(_COUNTER)}
    if len(given) != len(wanted):
        raise ValueError(f"{path} holds {len(given)} weights, but EmoAffectNet has {len(wanted)}; give its own file")
    state = {}
    for (theirs, tensor), (ours, like) in zip(given.items(), wanted.items(), strict=True):
        if tensor.shape != like.shape or _place(theirs) != _place(ours):
            raise ValueError(
                f"{path} has {theirs} {tuple(tensor.shape)} where EmoAffectNet has {ours} {tuple(like.shape)}; "
                "give its own file"
            )
        state[ours] = tensor.detach().float().contiguous().clone()
    return state | {name: torch.tensor(0) for name in network.state_dict() if name.endswith(_COUNTER)}


def save_emoaffectnet(state: Mapping[str, Tensor], folder: Path) -> None:
    """Write weights into the folder that the encoder's `name` is then set to."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(state), folder / WEIGHTS)


def _read(path: Path) -> Mapping[str, Tensor]:
    with warnings.catch_warnings():
        # The file was published as TorchScript, which torch would rather see replaced.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return dict(torch.jit.load(str(path), map_location="cpu").state_dict())  # type: ignore[no-untyped-call]
        except RuntimeError:  # no TorchScript
            state: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
            return state


def _place(name: str) -> tuple[str, bool]:
    return name.rpartition(".")[2], "downsample" in name or "shortcut" in name
