"""What a model is asked about a segment: the prompts shipped beside this file, or a text file of one's own."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).parent


def read_prompt(name: str) -> str:
    """Return the prompt of a shipped name ("1", "2") or of a text file's path, without the white space around it."""
    names = sorted(path.stem for path in SHIPPED.glob("*.txt"))
    path = SHIPPED / f"{name}.txt" if name in names else Path(name).expanduser()
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"there is no prompt {name!r}; choose one of {', '.join(names)}, or give the path of a UTF-8 text file"
        ) from error
    if not text:
        raise ValueError(f"the prompt {path} is empty; write in it what the model is to be asked about a segment")
    return text
