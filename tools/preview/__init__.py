"""The backends that need no model: a person cut out of their photo, moving through a painted paper collage."""
