"""What happens, in what order, and what is remembered."""

VERSION = "0.1.0"
"""As in pyproject.toml. Reading it from the installation takes 4 ms, and clients wait for a server to start."""
