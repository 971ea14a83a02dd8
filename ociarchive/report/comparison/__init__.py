"""A comparison's report."""
