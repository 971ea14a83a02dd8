"""Reports: a result becomes text, one pure function each."""
