"""What every remote can do, local directories, and everything else through DVC."""
