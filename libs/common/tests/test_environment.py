"""A name that nobody reads is told, with the one that was perhaps meant; every name that somebody reads is known."""

import pytest

from vai_common.environment import NAMES, unknown


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("VAI_SLOT", "VAI_SLOTS"),
        ("VAI_DATABSE_URL", "VAI_DATABASE_URL"),
        ("VAI_KAFKA_PASWORD", "VAI_KAFKA_PASSWORD"),
        ("VAI_PROXY", "VAI_PROXIES"),
        ("VAI_QQQQQQ", None),
    ],
)
def test_a_slip_is_told_with_what_was_perhaps_meant(given: str, meant: str | None) -> None:
    assert unknown([given, "PATH", "HOME"]) == {given: meant}


def test_names_that_are_read_and_those_of_others_are_no_slips() -> None:
    assert unknown([*NAMES, *map(str.lower, NAMES), "VAI_TEST_KAFKA", "VAI_BENCH_RUNS", "VAIL_X", "AWS_X"]) == {}


def test_every_letter_that_is_missing_is_noticed() -> None:
    for name in NAMES:
        for place in range(len("VAI_"), len(name)):
            slip = name[:place] + name[place + 1 :]
            if slip not in NAMES and slip != "VAI_":
                assert list(unknown([slip])) == [slip]
