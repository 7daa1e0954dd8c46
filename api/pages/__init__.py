"""Pages for people: what there is, how complete it is, and what each stock's figures are. Server-rendered, in two languages.

A page asks the API's own routes from inside, so that it says what they say; what no route tells, `reading` reads.
"""

from api.pages.routes import router

__all__ = ["router"]
