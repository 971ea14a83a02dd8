"""What the tests share: a builder of archives and a reader of them, neither of which imports the package."""
