"""CPV's DVC face: `dvc cpv …`, and how DVC comes to know it."""
