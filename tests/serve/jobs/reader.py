"""Whoever recognises, for tests of jobs: it reads in the clip what to do, and writes down that it did.

A clip is JSON: {"stretches": 3, "pause": 0.01, "ends": ["overload", "break", "done"]}; the n-th attempt at a clip ends
as the n-th word says, and those after the last as the last.
"""

import asyncio
import json
from collections import Counter

from serve.orders import Begun, Refused, Result, Stretch


class Reader:
    """Performs what clips say. `log` is a file that processes share: a line for each begin and each end."""

    def __init__(self, log=None, processes=4):
        self.log, self.processes = log, processes
        self.begun, self.closed = Counter(), Counter()

    async def about(self):
        return {"processes": self.processes}

    async def perform(self, order):
        told = json.loads(order.clip.read_text())
        self._note("begun", order)
        number = self.begun[order.name]
        self.begun[order.name] += 1
        ends, over = told.get("ends", ["done"]), False
        try:
            yield Begun(duration=told.get("stretches", 3))
            for second in range(told.get("stretches", 3)):
                await asyncio.sleep(told.get("pause", 0.001))
                yield Stretch(start=second, end=second + 1, degraded=told.get("degraded", {}))
            end = ends[min(number, len(ends) - 1)]
            over = True
            yield self._end(end, order, told)
        finally:
            if not over:
                self.closed[order.name] += 1

    def _end(self, end, order, told):
        if end == "break":
            raise RuntimeError("the clip says so")
        if end != "done":
            return Refused(why=end, reason=f"the clip says {end}")
        order.out.mkdir(parents=True, exist_ok=True)
        files = {"json": order.out / "result.json", "csv": order.out / "result.csv"}
        files["json"].write_text(json.dumps({"clip": order.name, "prompts": list(order.prompts)}))
        files["csv"].write_text("time\n0\n")
        self._note("done", order)
        return Result(files=files, degraded=told.get("degraded", {}))

    def _note(self, what, order):
        if self.log is not None:
            with self.log.open("a") as stream:
                stream.write(f"{what} {order.name}\n")
