"""Models that others trained: where one lies, how large it is, whose licence it has, and how it is loaded.

A model is a folder in its library's own layout. It is looked for as a folder, then in the Hugging Face cache
(`HF_HOME`), then on the hub (`HF_ENDPOINT`), which `TWOFOLD_OFFLINE` forbids. Only safetensors are read: nothing is
unpickled, and no code that comes with a model is run. `preset = "tiny"` is the same class with small sizes and random
weights, the same on every machine: for tests and teaching, without any file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors import SafetensorError

from modalities.assets import AssetError, MissingAsset, offline
from modalities.config import Config
from modalities.device import device

_READ = ("*.json", "*.jinja", "*.txt", "*.model", "*.safetensors")
_IGNORED = ("onnx/*", "openvino/*")
Network = TypeVar("Network", bound=torch.nn.Module)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model comes from, and what may be done with it; a bundle lists this."""

    name: str
    licence: str = "unknown"
    commercial: bool = False
    megabytes: int | None = None
    revision: str | None = None
    elsewhere: str = ""  # how to get it where the hub does not have it

    def __str__(self) -> str:
        size = "of unknown size" if self.megabytes is None else f"about {self.megabytes} MB"
        return f"{self.name} ({size}, licence {self.licence})"


KNOWN: Mapping[str, Origin] = {
    origin.name: origin
    for origin in (
        # The hub's converter wrote the safetensors of some models beside `main`, so their revisions are pinned here.
        # Its card names CC-BY-SA-3.0 (UniSpeech), torchaudio MIT (UniLM): the stricter counts.
        Origin("microsoft/wavlm-base-plus-sd", "CC-BY-SA-3.0", commercial=True, megabytes=378,
               revision="09f4e5e93ef901510a512b4c45ad76f473d38b23"),
        Origin("facebook/wav2vec2-base", "Apache-2.0", commercial=True, megabytes=380, revision="refs/pr/2"),
        Origin("audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim", "CC-BY-NC-SA-4.0", megabytes=661),
        Origin("FacebookAI/roberta-base", "MIT", commercial=True, megabytes=499),
        Origin("j-hartmann/emotion-english-distilroberta-base", "none stated", megabytes=329,
               revision="fcf5d801b91416aae4d116770b48d0a91a32f277"),
        Origin("jinaai/jina-embeddings-v3", "CC-BY-NC-4.0", megabytes=1145,
               elsewhere="it brings code of its own, which is not run: name jinaai/jina-embeddings-v3-hf instead"),
        Origin("jinaai/jina-embeddings-v3-hf", "CC-BY-NC-4.0", megabytes=1145),
        Origin("sentence-transformers/all-mpnet-base-v2", "Apache-2.0", commercial=True, megabytes=438),
        Origin("openai/clip-vit-base-patch32", "MIT", commercial=True, megabytes=605,
               elsewhere="name timm/vit_base_patch32_clip_224.openai instead: the same weights in open_clip's layout"),
        Origin("timm/vit_base_patch32_clip_224.openai", "MIT", commercial=True, megabytes=605),
        Origin("facebook/vit-mae-base", "Apache-2.0", commercial=True, megabytes=448),
        Origin("nvidia/parakeet-tdt-0.6b-v2", "CC-BY-4.0", commercial=True, megabytes=2400),
        Origin("nvidia/parakeet-tdt-0.6b-v3", "CC-BY-4.0", commercial=True, megabytes=2400),
        Origin("openai/whisper-tiny", "Apache-2.0", commercial=True, megabytes=150),
        Origin("openai/whisper-base", "Apache-2.0", commercial=True, megabytes=290),
        Origin("openai/whisper-small", "Apache-2.0", commercial=True, megabytes=970),
        Origin("openai/whisper-large-v3-turbo", "MIT", commercial=True, megabytes=1620),
        Origin("Qwen/Qwen2.5-VL-3B-Instruct", "Qwen Research License", megabytes=7500),
        Origin("Qwen/Qwen2.5-VL-7B-Instruct", "Apache-2.0", commercial=True, megabytes=16600),
        Origin("Qwen/Qwen2.5-VL-32B-Instruct", "Apache-2.0", commercial=True, megabytes=66900),
        Origin("emoaffectnet", "scientific use only", megabytes=98,
               elsewhere="take its TorchScript file from https://github.com/ElenaRyumina/EMO-AffectNetModel, turn it "
                         "into a folder by `python -m modalities.encoders.emoaffectnet FILE FOLDER`, and name that"),
    )
}  # fmt: skip
"""The real models that the papers use, by name; sizes are approximate."""


class Pretrained(Config):
    """Which model: its name on the hub or its folder, and a revision; or the tiny preset."""

    name: str
    revision: str | None = None  # None: that of `KNOWN`, else the newest
    preset: Literal["tiny"] | None = None

    @property
    def origin(self) -> Origin:
        """Where the model comes from and its licence; nothing is known of a stranger's, so it counts as closed."""
        if self.preset:
            return Origin(f"{self.preset}: random weights", "Apache-2.0", commercial=True, megabytes=0)
        known = KNOWN.get(self.name, Origin(self.name))
        return Origin(known.name, known.licence, known.commercial, known.megabytes,
                      self.revision or known.revision, known.elsewhere)  # fmt: skip

    def folder(self) -> Path:
        """Return the model's folder, and bring it from the hub where it is nowhere else.

        Raises `MissingAsset` with what to fetch, and `AssetError` where a folder holds no safetensors.
        """
        path = Path(self.name).expanduser()
        if not path.is_dir():
            path = _cached(self.origin) or _fetched(self.origin)
        if not any(path.glob("**/*.safetensors")):
            raise AssetError(
                f"{self.name} has no safetensors in {path}, and nothing else is read; name another revision of it "
                "(on the hub, the converter's is often refs/pr/1), or save it anew with its library"
            )
        return path

    def sizes(self) -> Any:
        """Read what a model of transformers says of itself, without its weights."""
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(str(self.folder()), local_files_only=True, trust_remote_code=False)


class Unloaded:
    """A part whose model is loaded when it is first asked, in every process anew: a pickle holds its settings alone."""

    config: Config

    @property
    def reads(self) -> tuple[Path, ...]:
        """The model's folder, where it is one of the user's own; what the hub has is known by its revision."""
        if not isinstance(self.config, Pretrained) or self.config.preset:
            return ()
        folder = Path(self.config.name).expanduser()
        return (folder,) if folder.is_dir() else ()

    def __getstate__(self) -> dict[str, Config]:
        return {"config": self.config}


def _cached(origin: Origin) -> Path | None:
    """Return the snapshot in the Hugging Face cache; None where it is not there, or not whole."""
    # Imported here because a plan or a help page needs none of it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        place = snapshot_download(origin.name, revision=origin.revision, local_files_only=True,
                                  allow_patterns=list(_READ), ignore_patterns=list(_IGNORED))  # fmt: skip
    except HFValidationError:
        raise MissingAsset(f"there is no folder {origin.name}, and it is no name of a model on a hub either") from None
    except LocalEntryNotFoundError:
        return None
    return Path(place)


def _fetched(origin: Origin) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    missing = f"the model {origin} is not in {constants.HF_HUB_CACHE}"
    if origin.elsewhere:
        raise MissingAsset(f"{missing}; {origin.elsewhere}")
    revision = f" --revision {origin.revision}" if origin.revision else ""
    remedy = f"fetch it with `hf download {origin.name}{revision}`, or set `name` to a folder that holds it"
    if offline():
        raise MissingAsset(f"{missing}, and TWOFOLD_OFFLINE is set; without it, {remedy}")
    try:
        place = snapshot_download(origin.name, revision=origin.revision,
                                  allow_patterns=list(_READ), ignore_patterns=list(_IGNORED))  # fmt: skip
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        reason = type(error).__name__
        raise MissingAsset(f"{missing}, and {constants.ENDPOINT} does not give it ({reason}); {remedy}") from error
    return Path(place)


def frozen(network: Network) -> Network:
    """Make a network ready to be asked: no dropout, no gradient, on the device of this process."""
    return network.eval().requires_grad_(requires_grad=False).to(device())


def seeded(make: Callable[[], Network]) -> Network:
    """Make a frozen network whose random weights are the same everywhere; the generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return frozen(make())


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Say which folder holds weights that cannot be read, as a download that was cut off leaves them."""
    try:
        yield
    except SafetensorError as error:
        raise AssetError(f"the weights in {folder} cannot be read ({error}); fetch or save the model again") from error


def load_network(architecture: Any, folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """Load a network of a transformers class, frozen.

    Raises `AssetError` where the folder lacks some of its weights (they would be random): another model's folder.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    with readable(folder):
        network, report = architecture.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=dtype,
            output_loading_info=True,
        )  # fmt: skip
    # A pooler stands behind the hidden states, and checkpoints of other tasks do not have it.
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith("pooler.")):
        raise AssetError(
            f"{folder} lacks {len(missing)} weights of {architecture.__name__}, such as {missing[0]}; "
            "name a folder that holds this kind of model"
        )
    return frozen(network)


def load_with_processor(folder: Path, classes: tuple[Any, ...], dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """Return a network of that of some classes of transformers as which it was saved, and its processor.

    Raises `AssetError` where the folder holds another kind of model.
    """
    from transformers import AutoConfig, AutoProcessor

    kind = AutoConfig.from_pretrained(str(folder), local_files_only=True).model_type
    known = {architecture.config_class.model_type: architecture for architecture in classes}
    if kind not in known:
        raise AssetError(f"{folder} holds a model of the kind {kind}, but {' or '.join(known)} is expected")
    return load_network(known[kind], folder, dtype), AutoProcessor.from_pretrained(str(folder), local_files_only=True)
