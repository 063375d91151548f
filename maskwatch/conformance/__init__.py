"""What every kind must do, as tests: subclass a contract, say how yours is made, and run pytest.

    from maskwatch.conformance.alerts import AlertContract

    class TestWebhook(AlertContract):
        def make(self, tmp_path): ...

The contracts' docstrings are the contracts. maskwatch's own kinds are held to them in `tests/conformance/`. This
package needs pytest; nothing that runs in the service imports it.
"""

import pytest

for _module in ("alerts", "models", "rules", "settings", "sources"):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
