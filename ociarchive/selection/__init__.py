"""Selection: which SOURCE, images, platforms and companions a call speaks of. Conversion and comparison use it."""
