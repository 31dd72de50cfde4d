"""Presets: one word picks a whole working set."""
