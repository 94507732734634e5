"""A secret is hidden however it is spelled on its way back."""

import json
import re

import orjson
from hypothesis import given
from hypothesis import strategies as st

from vai_records.secrets.hiding import Hidden


def written_by_all(secret: str) -> list[str]:
    """JSON that holds the secret, as writers of several languages escape it."""
    plain, escaped = json.dumps([secret], ensure_ascii=False), json.dumps([secret])
    upper = re.sub(r"u[0-9a-f]{4}", lambda found: "u" + found[0][1:].upper(), escaped)
    found = [plain, escaped, escaped.replace("/", "\\/"), upper]
    for letters in ("<>&", "<>&='"):
        for letter in letters:
            plain, escaped = (each.replace(letter, f"\\u{ord(letter):04x}") for each in (plain, escaped))
        found += [plain, escaped]
    return found


@given(st.text(alphabet="aZ9/+=&<>'\"\\éß☃ -", min_size=4, max_size=20))
def test_no_writer_of_json_brings_a_secret_back(middle: str) -> None:
    secret = f"c4nary{middle}yranac"
    for echo in written_by_all(secret):
        assert "c4nary" not in Hidden([], [secret]).text(f"you sent {echo}"), echo
    for echo in (json.dumps([secret]), json.dumps([secret], ensure_ascii=False)):
        for within in (json.dumps({"sent": echo}), orjson.dumps({"sent": echo}).decode()):
            assert "c4nary" not in Hidden([], [secret]).text(within), within


@given(st.text(alphabet="aZ9/+=&<>'\"\\éß☃ -\t\n", min_size=4, max_size=20), st.integers(0, 3))
def test_a_secret_is_not_absent_from_json_that_holds_it_as_a_text(secret: str, levels: int) -> None:
    """A server that is sent JSON may answer it as a text within its own JSON."""
    value: object = {"sent": f"you sent {secret}."}
    for _ in range(levels):
        value = {"sent": json.dumps(value)}
    hidden = Hidden([], [secret])
    assert hidden.is_absent_from(orjson.dumps(value)) == (hidden.out_of(value) == value)
