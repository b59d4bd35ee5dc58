"""The service held against a second telling of its rules, by hand."""

import pytest

# Before anything imports them.
pytest.register_assert_rewrite("tests.exact.teller", "tests.exact.truth")
