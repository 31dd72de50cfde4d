"""Language models in process, whose answers are held to a schema."""
