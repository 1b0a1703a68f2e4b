"""Training frameworks: callbacks that save in a run (`CheckpointRun`), one module for each framework.

Only its own module imports a framework.
"""
