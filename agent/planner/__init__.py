"""Planners: how one sentence becomes what the first frame shows and what the video does."""
