"""What the tests of a service stand on, for tests that stand elsewhere."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]


def conftest_of(service: str, below: str = "") -> Any:
    """The module `conftest` of a service's tests, or of a folder of them."""
    name = f"{service}_{below}conftest".replace("-", "_").replace("/", "_")
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, _ROOT / f"services/{service}/tests/{below}conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
