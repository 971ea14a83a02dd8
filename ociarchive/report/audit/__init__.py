"""The audit's report, one module for each output format."""
