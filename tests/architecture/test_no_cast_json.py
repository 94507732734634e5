"""No statement casts JSON of a definition or of settings (rule 21): one value that is odd must stop nobody."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

_CAST = re.compile(
    r"(definition|settings)\s*(->|#>)[^\n]*::\s*(int|float|numeric|bool|double|bigint|interval|timestamp)"
)
_CAST_CALL = re.compile(r"cast\s*\(\s*[\w.]*(definition|settings)\s*(->|#>)", re.IGNORECASE)


def test_no_statement_casts_the_json_of_a_definition_or_of_settings() -> None:
    found = []
    for path in (*ROOT.glob("libs/*/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")):
        text = path.read_text()
        found += [
            f"{path.relative_to(ROOT)}: {match[0]}" for match in (*_CAST.finditer(text), *_CAST_CALL.finditer(text))
        ]
    assert found == []
