"""Numbers of declared columns as countries write them: the right value, or refused; never another one."""

from pathlib import Path
from typing import Any

import pytest

from vai_common.errors import Permanent

from .csv_reading import columns


@pytest.mark.parametrize(
    ("text", "words", "value"),
    [
        ("1,5", {"decimal_separator": ","}, 1.5),
        ("-1234,25", {"decimal_separator": ","}, -1234.25),
        ("1.234,5", {"decimal_separator": ",", "thousands_separator": "."}, 1234.5),
        ("1.234.567", {"decimal_separator": ",", "thousands_separator": "."}, 1234567.0),
        ("1'234.5", {"thousands_separator": "'"}, 1234.5),
        ("12", {"decimal_separator": ","}, 12.0),
        ("1.5", {"decimal_separator": ","}, None),
        ("1.5", {"decimal_separator": ",", "thousands_separator": "."}, None),
        ("12.34,5", {"decimal_separator": ",", "thousands_separator": "."}, None),
        ("1,2,3", {"decimal_separator": ","}, None),
        *(
            (text, {"decimal_separator": ",", "thousands_separator": "."}, None)
            for text in (
                "0.123",
                "00.123",
                "-0.250",
                "000.001",
                "1234.567",
                "1.23",
                ".234",
                "1.234.",
                "1..234",
                "1,5E3",
            )
        ),
        # Switzerland, with either apostrophe
        ("1’234.50", {"thousands_separator": "'"}, 1234.5),
        ("-1'234'567.50", {"thousands_separator": "'"}, -1234567.5),
        ("0'123", {"thousands_separator": "'"}, None),
        # France, with the spaces that break no line
        *(
            (f"1{space}234,5", {"decimal_separator": ",", "thousands_separator": " "}, 1234.5)
            for space in (" ", "\u00a0", "\u2007", "\u2009", "\u202f")
        ),
        ("1\u202f23,5", {"decimal_separator": ",", "thousands_separator": " "}, None),
        # India
        ("1,23,456.78", {"thousands_separator": ","}, 123456.78),
        ("12,34,567.50", {"thousands_separator": ","}, 1234567.5),
        ("1,234.50", {"thousands_separator": ","}, 1234.5),
        ("123,45,678", {"thousands_separator": ","}, None),
        ("1,2,345", {"thousands_separator": ","}, None),
        ("01,234", {"thousands_separator": ","}, None),
        *(
            (text, {"decimal_separator": ","}, None)
            for text in ("0x10", "٥", "1_000", "€ 5", "5 %", "5-", "(5)", "− 5")
        ),
    ],
)
def test_a_declared_number_may_be_written_as_a_country_does(
    tmp_path: Path, text: str, words: dict[str, str], value: float | None
) -> None:
    given: dict[str, Any] = words | {"delimiter": ";", "columns": {"v": "double"}}
    data = f"v;t\n{text};{text}\n;x\n"
    if value is None:
        with pytest.raises(Permanent, match=r"line 2: .*v.* does not fit|line 2") as raised:
            columns(tmp_path, data, **given)
        assert text not in raised.value.message
    else:
        found = columns(tmp_path, data, **given)
        assert found["v"] == ("DOUBLE", [value, None])
        assert found["t"][1] == [text, "x"]


@pytest.mark.parametrize(
    ("text", "words", "value"),
    [
        ("1.000", {"decimal_separator": ",", "thousands_separator": "."}, 1000),
        ("1.000,00", {"decimal_separator": ",", "thousands_separator": "."}, 1000),
        ("1,000", {"decimal_separator": ","}, 1),
        ("1.000", {"decimal_separator": "."}, 1),
        ("25.0", {"decimal_separator": "."}, 25),
        ("1.000", {}, None),
        ("0.000", {"decimal_separator": ",", "thousands_separator": "."}, None),
        ("1,5", {"decimal_separator": ","}, None),
        ("0x10", {}, None),
        ("0x10", {"decimal_separator": ","}, None),
        ("1,00,000", {"thousands_separator": ","}, 100_000),
    ],
)
def test_a_declared_whole_number_is_the_right_one_or_refused(
    tmp_path: Path, text: str, words: dict[str, str], value: int | None
) -> None:
    given: dict[str, Any] = words | {"delimiter": ";", "columns": {"v": "bigint"}}
    if value is None:
        with pytest.raises(Permanent, match="line 2"):
            columns(tmp_path, f"v;t\n{text};x\n", **given)
    else:
        assert columns(tmp_path, f"v;t\n{text};x\n", **given)["v"] == ("BIGINT", [value])
