"""`sandbox-model`: serve the OpenAI protocol on loopback, with answers made by rules."""

from stock_assistant_pipelines.sandbox.model.server import MODEL

sandbox_model = MODEL.command(
    "Serve the OpenAI protocol on loopback. RULES, not a model: the answers are made from the evidence in the prompt.",
    "RULES, not a model,",
)
