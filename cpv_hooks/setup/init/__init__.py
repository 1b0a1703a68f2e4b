"""`dvc cpv init`: a plan of steps, then the steps."""
