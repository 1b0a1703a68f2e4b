"""`dvc cpv report`: the versions of a repository as one HTML page that needs no network."""
