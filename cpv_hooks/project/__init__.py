"""One DVC root and its settings: `.cpv.toml`, plugins, tag schemes, the pointers of its commits."""
