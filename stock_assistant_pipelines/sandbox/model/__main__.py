"""`python -m stock_assistant_pipelines.sandbox.model`: the sandbox model as a process of its own."""

from stock_assistant_pipelines.sandbox.model.cli import sandbox_model

if __name__ == "__main__":
    sandbox_model()
