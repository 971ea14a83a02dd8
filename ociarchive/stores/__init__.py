"""Storage of stopped engines: layers that lie unpacked, the tar-split data that rebuild them, and bbolt databases."""
