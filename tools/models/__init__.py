"""The models that backends need: what each is, who may use it, and where it lies on this machine."""
