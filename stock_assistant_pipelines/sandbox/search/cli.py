"""`sandbox-search`: serve Bocha's web search on loopback, with invented pages."""

from stock_assistant_pipelines.sandbox.search.server import SEARCH

sandbox_search = SEARCH.command(
    "Serve Bocha's web search on loopback. INVENTED pages: no company did what they say.", "INVENTED PAGES, no news,"
)
