"""Causal building blocks, each with the state that lets it run in chunks."""
