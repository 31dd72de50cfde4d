"""Painting a face again in place, larger than it is, so that it is sharp and the person's own."""
