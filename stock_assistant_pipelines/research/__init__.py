"""Research reports that can be checked: a model chooses evidence and words, code prints every figure.

The walk of one report: `evidence` (what was known on a day) → `experts` (one structured call each) → `gate` (what the evidence
does not support is not published) → `report` → `scorecard` (what became of it). No figure that a model wrote is ever printed.
"""
