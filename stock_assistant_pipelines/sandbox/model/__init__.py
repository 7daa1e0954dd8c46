"""The OpenAI protocol on loopback: answers made by rules from the evidence in the prompt. For the demo, tests and benchmarks.

Not a model, and says so: its name is `sandbox-rules`, whichever was asked for. A call walks through `dialects` (what a provider
refuses, and how it says so), `faults` (misbehaviour on request) and `rules` (the answer) to `wire` (streamed or whole).
"""
