"""Clips: the first frame set in motion as the temporal prompt says, or the person of a reference alone."""
