"""The gate: what a batch of scored first frames means, and what to do next. The rule alone; nothing here runs a tool."""
