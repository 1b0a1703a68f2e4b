"""What a model file says of itself: format, tensors, shapes, types. No weights are loaded, and nothing is run."""
