"""One thread for numeric libraries, set before any of them is imported: the tensors here are small, and tests run side
by side; with more, threads that wait for each other make the suite many times slower."""

import os

import pytest

os.environ.setdefault("RAY_worker_niceness", "0")  # else Ray's workers wait for whatever else runs: another test
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what starts Ray, for it takes longest: else one process would wait for another's last file."""
    items.sort(key=lambda item: item.get_closest_marker("ray") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rows that tests have recorded, under the head that is their property's name."""
    tables: dict[str, list[object]] = {}
    for report in terminalreporter.getreports("passed"):
        for head, row in report.user_properties:
            tables.setdefault(head, []).append(row)
    for head, rows in tables.items():
        terminalreporter.write_line("")
        for line in (head, *rows):
            terminalreporter.write_line(str(line))
