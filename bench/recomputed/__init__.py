"""Every item of a sheet once more, from the raw tables, by code of its own.

Nothing here uses what it checks: not the collectors, their queries and derivations, not the as-of functions, not the renderer.
"""

from bench.recomputed.items import Unknown, recompute
from bench.recomputed.printed import Told, in_words, printed
from bench.recomputed.raw import Raw

__all__ = ["Raw", "Told", "Unknown", "in_words", "printed", "recompute"]
