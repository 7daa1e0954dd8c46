"""`python -m stock_assistant_pipelines.sandbox`: the sandbox as a process of its own."""

from stock_assistant_pipelines.sandbox.cli import sandbox

if __name__ == "__main__":
    sandbox()
