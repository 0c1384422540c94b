"""What a long command shows while it works: its stages, how far each is, how long is left, how long each took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@dataclass(slots=True)
class Stages:
    """Shows what is being done and how long is left, and remembers how long each stage took."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Show a stage; the caller says which share of it is done."""
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        began = time.monotonic()
        if self.console.is_terminal:
            with Progress(*columns, console=self.console) as progress:
                bar = progress.add_task(name, total=1.0)
                yield lambda share: progress.update(bar, completed=share)
                progress.update(bar, completed=1.0)
        else:
            self.say(f"{name} …")
            yield self._lines(name, began)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def _lines(self, name: str, began: float) -> Callable[[float], None]:
        """Say how far a stage is at every tenth of it: where no bar can be drawn."""
        said = 0.1

        def show(share: float) -> None:
            nonlocal said
            if share >= said:
                said = share + 0.1
                gone = time.monotonic() - began
                self.say(f"{name}: {share:.0%} after {gone:.0f} s, about {gone / share - gone:.0f} s left")

        return show

    def say(self, text: str) -> None:
        """Show a line."""
        self.console.print(text, highlight=False, soft_wrap=True)

    def sum_up(self) -> None:
        """Say how long each stage took."""
        self.say("  ".join(f"{name}: {seconds:.0f} s" for name, seconds in self.seconds.items()))


class Count:
    """Counts what is done and shows the share."""

    def __init__(self, total: int, show: Callable[[float], None]) -> None:
        self._total, self._show, self._done = total, show, 0

    def __call__(self, _: object) -> None:
        """Count one more."""
        self._done += 1
        self._show(self._done / self._total)
