"""`python -m ociarchive`."""

from ociarchive.cli.main import main

if __name__ == "__main__":
    main()
