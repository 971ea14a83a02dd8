"""What tests of catalogues share with those of faults."""

from tests.faults.conftest import mounting

__all__ = ["mounting"]
