"""The ways in from outside: the MCP surface, and the photos and texts that come with a request."""
