import pytest

from vai_records.people import passwords


def test_a_password_fits_what_was_stored_of_it_and_nothing_else() -> None:
    stored = passwords.hashed("correct horse battery")
    assert "correct" not in stored
    assert stored.startswith("$argon2id$")
    assert passwords.fits(stored, "correct horse battery")
    assert not passwords.fits(stored, "correct horse batterx")
    assert stored != passwords.hashed("correct horse battery")


@pytest.mark.parametrize("stored", [None, "", "plain text", "$argon2id$v=19$m=19456,t=2,p=1$short"])
def test_nothing_fits_what_is_no_hash(stored: str | None) -> None:
    assert not passwords.fits(stored, "nobody has this password")


def test_what_was_stored_at_another_cost_still_fits_and_is_old() -> None:
    cheap = passwords.PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash("correct horse battery")
    assert passwords.fits(cheap, "correct horse battery")
    assert passwords.is_old(cheap)
    assert not passwords.is_old(passwords.hashed("correct horse battery"))
