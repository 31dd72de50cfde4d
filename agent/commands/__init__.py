"""The groups of ``steadface`` commands, one file a group."""
