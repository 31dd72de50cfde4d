"""Batches: a manifest of rows in, a job a row, and results that a rerun goes on from."""
