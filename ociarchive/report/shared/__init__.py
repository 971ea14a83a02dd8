"""What reports have in common: words, facts of an archive, trees, templates."""
