"""`vai datasets` and `vai artifacts`: what people see of the lake's tables and files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Vai = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("list", ("gold.sales", "1m 15s ago", "Sales of the day")),
        ("show gold.sales", ("900 B", "written 1m 15s ago", "Sales of the day", "DECIMAL(12,2)")),
        ("preview gold.sales", ("2026-01-02",)),
        ("profile gold.sales sold", ("about 5", "0.50", "1 · 3 · 5")),
        ("versions gold.sales", ("Sales of the day", "7")),
        ("lineage gold.sales", ("bronze.shop.orders", "gold.sales")),
        ("lineage gold.sales --columns", ("bronze.shop.orders: price", "gold.sales: sold", "aggregation")),
        ("lineage gold.sales --column sold", ("not known in gold.sales: odd (sqlglot cannot read it)", "--depth")),
    ],
)
def test_it_is_told_for_people_and_for_programs(vai: Vai, words: str, told: tuple[str, ...]) -> None:
    done = vai("datasets", *words.split())
    assert done.exit_code == 0, done.output
    assert [each for each in told if each not in done.output] == []
    json.loads(vai("datasets", *words.split(), "--json").stdout)


def test_a_download_is_a_file_when_all_of_it_has_come(vai: Vai, tmp_path: Path) -> None:
    target = tmp_path / "sales.csv"
    done = vai("datasets", "download", "gold.sales", str(target))
    assert done.exit_code == 0, done.output
    assert target.read_text() == "day,sold\n2026-01-02,\n"
    assert vai("datasets", "download", "gold.sales", "-", "--format", "csv").stdout == target.read_text()

    done = vai("datasets", "download", "gold.cut", str(tmp_path / "cut.csv"))
    assert done.exit_code == 2
    assert "broke off" in done.output
    assert [each.name for each in tmp_path.iterdir()] == ["sales.csv"]


def test_files_are_listed_downloaded_and_handed_on(vai: Vai, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = vai("artifacts", "list", "--folder", "shop/invoices")
    assert "2026/a.pdf" in listed.output
    assert "900 B" in vai("artifacts", "show", "a1").output
    assert "/artifacts/signed" in vai("artifacts", "share", "a1").output
    monkeypatch.chdir(tmp_path)
    done = vai("artifacts", "download", "a1")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.pdf").read_text() == "day,sold\n2026-01-02,\n"
