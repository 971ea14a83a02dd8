"""Selection: which SOURCE, images, platforms and companions a call names. Conversion and comparison use it."""
