"""One command per figure: `python -m benchmarks.NAME` measures two sides in one run and ends with one line of JSON.

Both sides have the same threads, inputs and outputs; the other side is the best plain version. A benchmark exits with 1
when it misses its goal.
"""
