"""Faces: found, embedded, compared, and chosen as a reference."""
