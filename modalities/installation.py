"""What this machine has of what the product needs, for `twofold doctor`: packages, hardware, decoders and assets."""

from __future__ import annotations

import importlib.util
import os
import platform
from dataclasses import dataclass
from importlib import metadata

from modalities import assets

PYTHON = "3.11"
PACKAGES = (
    "torch", "torchvision", "torchaudio", "ray", "transformers", "open-clip-torch", "sentence-transformers", "optuna",
    "librosa", "av", "mediapipe", "opencv-contrib-python", "onnxruntime", "silero-vad", "ai-edge-litert",
    "tokenizers", "safetensors", "tensorboardx", "tensorboard",
    "pydantic", "numpy", "scipy", "pandas", "pyarrow", "matplotlib", "pillow", "rich", "typer", "python-multipart",
    "prometheus-client",
    "httpx", "filelock", "psutil", "scikit-learn",
    "scikit-image", "espeakng-loader",
)  # fmt: skip
"""What `pyproject.toml` depends on; a test holds them together."""
DECODERS = {
    "h264": "h264", "hevc": "hevc", "vp9": "vp9", "av1": "libdav1d", "aac": "aac", "opus": "opus", "mp3": "mp3",
}  # fmt: skip
"""What clips usually hold → the decoder that reads it without special hardware."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for; `found` is empty where it is not there, and `remedy` then says how to get it."""

    topic: str
    name: str
    found: str
    remedy: str = ""


def inspect() -> tuple[Finding, ...]:
    """Look at everything; what is missing has a remedy, and nothing else has one."""
    return (*_packages(), *_machine(), *_decoders(), *_assets())


def _packages() -> list[Finding]:
    version = platform.python_version()
    right = version.startswith(f"{PYTHON}.")
    findings = [Finding("package", "python", version, "" if right else f"install Python {PYTHON}, then `make setup`")]
    for name in PACKAGES:
        try:
            findings.append(Finding("package", name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            findings.append(Finding("package", name, "", "make setup"))
    return findings


def _machine() -> list[Finding]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return [
        Finding("machine", "system", f"{platform.system()} {platform.machine()}"),
        Finding("machine", "cores", str(os.cpu_count())),
        Finding("machine", "memory", f"{memory / 2**30:.1f} GiB"),
        Finding("machine", "gpu", _gpu()),
        *_device(),
        Finding("machine", "cache", str(assets.cache_folder())),
    ]


def _gpu() -> str:
    if importlib.util.find_spec("torch"):
        import torch  # takes seconds

        if torch.cuda.is_available():
            return ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return "none (not needed)"


def _device() -> list[Finding]:
    if not importlib.util.find_spec("torch"):
        return []
    from modalities.device import DeviceError, device

    try:
        return [Finding("machine", "device", str(device()))]
    except DeviceError as error:
        return [Finding("machine", "device", "", str(error))]


def _decoders() -> list[Finding]:
    if not importlib.util.find_spec("av"):
        return [Finding("decoder", name, "", "make setup") for name in DECODERS]
    import av

    remedy = "install the PyAV wheel of constraints.txt, which brings its own FFmpeg: make setup"
    return [
        Finding("decoder", name, decoder) if decoder in av.codecs_available else Finding("decoder", name, "", remedy)
        for name, decoder in DECODERS.items()
    ]


def _assets() -> list[Finding]:
    return [
        Finding("asset", asset.name, f"{asset.size / 1e6:.1f} MB")
        if asset.present
        else Finding("asset", asset.name, "", f"twofold fetch {asset.name}" if asset.embedded else "")
        for asset in assets.table()
    ]
