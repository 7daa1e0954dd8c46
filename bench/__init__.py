"""What the platform costs, next to the plain ways of doing the same. `python -m bench [NAME …]`; see docs/performance.md.

Each module asks one question and answers it with a `Report`. Both sides are always measured in turns, round by round, in the
same run: a ratio holds on another machine, a time does not.
"""
