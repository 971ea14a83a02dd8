"""What the tests share: a builder of archives and a reader of them, neither of which imports the package."""

import pytest

# Here, before these modules are imported: an assertion that fails in them shows its values too.
pytest.register_assert_rewrite("tests.support.call", "tests.support.check", "tests.support.oracle")
