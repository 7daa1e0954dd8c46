"""News: what a web search finds of companies becomes evidence, where it is dated, of the company, and known by the day.

`news` is the way in. `searcher` asks (limits, retries where they heal), `bocha` makes one call before its deadline, `books`
keep every search and the pages it found; `selection` says which pages become items, by their `dates` and in `plain` text.
"""
