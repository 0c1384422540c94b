"""What a model is asked about a segment: the prompts shipped beside this file, or a text file of one's own."""

from __future__ import annotations

from pathlib import Path

from modalities.assets import AssetError

_SHIPPED = Path(__file__).parent


def own_prompt(name: str) -> tuple[Path, ...]:
    """Return the file of a prompt that is not shipped, if there is one."""
    path = Path(name).expanduser()
    return () if (_SHIPPED / f"{name}.txt").is_file() or not path.is_file() else (path,)


def read_prompt(name: str) -> str:
    """Return the prompt of a shipped name ("1", "2") or of a text file's path, without the white space around it.

    Raises `AssetError` where there is neither, or nothing in the file.
    """
    names = sorted(path.stem for path in _SHIPPED.glob("*.txt"))
    path = _SHIPPED / f"{name}.txt" if name in names else Path(name).expanduser()
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise AssetError(
            f"there is no prompt {name!r}; choose one of {', '.join(names)}, or give the path of a UTF-8 text file"
        ) from None
    if not text:
        raise AssetError(f"the prompt {path} is empty; write in it what the model is to be asked about a segment")
    return text
