"""What is shipped, and how it is made: run as `python -m release.NAME` from the root of the repository."""
