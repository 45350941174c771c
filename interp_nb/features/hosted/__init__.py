"""Asking hosted language models many things at once: politely, within a budget, and never twice for the same."""
