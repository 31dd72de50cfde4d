"""First frames: the person of the references, painted as the spatial prompt says."""
