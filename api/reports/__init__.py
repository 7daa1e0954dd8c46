"""Research reports: what was written of a stock on a day, and every figure of it back to its row. No route asks a model.

A report is kept as it was made; its list, its costs and its outcomes grow. So answers are tagged by what they say, and
none is given from memory.
"""

from fastapi import APIRouter

from api.reports import routes, scores

router = APIRouter()
router.include_router(routes.router)
router.include_router(scores.router)

__all__ = ["router"]
