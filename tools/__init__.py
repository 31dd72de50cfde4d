"""What each capability of Steadface does; one folder a capability, one file or folder a backend."""
