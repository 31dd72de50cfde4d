"""What happens, in what order, and what is remembered."""
