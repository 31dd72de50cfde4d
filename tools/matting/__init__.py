"""Cutting a person out of a photo."""
