import pytest

from vai_records.people.emails import NoEmail, email_of


@pytest.mark.parametrize(
    ("given", "known_as"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada.Lovelace+vai@Example.COM ", "ada.lovelace+vai@example.com"),
        ("admin@localhost", "admin@localhost"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
    ],
)
def test_an_email_has_one_spelling(given: str, known_as: str) -> None:
    assert email_of(given) == known_as


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada@-example.com",
        "ada@example..com",
        "ada lovelace@example.com",
        "ada@example.com\n",
        "\N{KELVIN SIGN}ate@example.com",
        "ada@b\u00fccher.example",
        "x" * 65 + "@example.com",
        "ada@" + "x." * 130 + "com",
        None,
        7,
        ["ada@example.com"],
    ],
)
def test_what_is_no_email_is_refused(given: object) -> None:
    with pytest.raises(NoEmail):
        email_of(given)
