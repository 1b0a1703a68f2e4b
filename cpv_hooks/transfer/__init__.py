"""Moving data between cache and remote."""
