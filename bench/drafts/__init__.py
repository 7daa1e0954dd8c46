"""Drafts of reports, clean and defective, made up with a seed: what the gate of the reports is held against.

A draft is what an expert might hand in on a sheet of evidence that was made up too. A defective draft is a clean one in which
one claim is wrong, in a way that a careful reader of the evidence would call wrong. The rules were mended on the
sentences that are here: the rates tell how the gate errs on these, and promise nothing of a real model.
"""

from bench.drafts.drafts import Draft, clean, defective, kinds
from bench.drafts.sheets import sheet

__all__ = ["Draft", "clean", "defective", "kinds", "sheet"]
