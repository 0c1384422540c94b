"""What a bundle says of itself, in `bundle.json`: read without loading any part, so that nobody waits for torch."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST = "bundle.json"
DEFAULT_BUNDLE = Path("runs/demo/bundle")
_SAID = {"settings", "members", "labels", "parts", "assets", "versions", "provenance"}


class BundleError(ValueError):
    """A folder that is no bundle, or not one that this version can read."""


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what `bundle.json` says."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            f"{folder} is not a bundle: it has no {MANIFEST}; give the folder of one, as `twofold demo` makes it"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{folder / MANIFEST} is not JSON ({error}); the bundle is broken, make it again") from error
    if not isinstance(manifest, dict):
        raise BundleError(f"{folder / MANIFEST} is no table of a bundle; the bundle is broken, make it again")
    if manifest.get("format") != FORMAT:
        raise BundleError(f"{folder} has format {manifest.get('format')}, but this version reads {FORMAT}; train again")
    if missing := _SAID - manifest.keys():
        raise BundleError(f"{folder / MANIFEST} does not say {', '.join(sorted(missing))}; make the bundle again")
    return manifest


def find_bundle(given: Path | None = None) -> Path:
    """Return the bundle's folder: the given one, that of `TWOFOLD_BUNDLE`, or the demo's, whichever is named first."""
    named = given or (Path(from_environment) if (from_environment := os.environ.get("TWOFOLD_BUNDLE")) else None)
    if named is not None:
        return named
    if not (DEFAULT_BUNDLE / MANIFEST).is_file():
        raise BundleError(
            f"there is no bundle: `twofold demo` makes one at {DEFAULT_BUNDLE}, "
            "or name one with --bundle or the environment variable TWOFOLD_BUNDLE"
        )
    return DEFAULT_BUNDLE
