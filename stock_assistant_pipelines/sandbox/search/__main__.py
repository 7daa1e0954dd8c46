"""`python -m stock_assistant_pipelines.sandbox.search`: the sandbox search as a process of its own."""

from stock_assistant_pipelines.sandbox.search.cli import sandbox_search

if __name__ == "__main__":
    sandbox_search()
