"""What a load needs follows from what its parts cost: the arithmetic, on constants that are made up."""

from dataclasses import replace
from math import factorial

import pytest

from bench.capacity.costs import Constants, Process, between, indexed, less, total
from bench.capacity.model import BUSY, DAY, DEFAULT, Load, bounds, mean_wait, need, priced, waiting_share

COSTS = {
    "light run": {
        "cpu api-gateway": 0.001,
        "cpu postgres": 0.002,
        "cpu extract-worker": 0.001,
        "wal": 5_000.0,
        "disk runs": 1_000.0,
        "disk run_logs": 100.0,
        "disk events": 200.0,
        "rows runs": 1.0,
        "rows events": 2.0,
        "slot": 0.01,
    },
    "extraction": {"cpu extract-worker": 0.3, "slot": 2.0, "disk runs": 2_000.0, "rows runs": 1.0},
    "cleaning": {},
    "follower": {"cpu api-gateway": 0.0001},
}
IDLE = Process({"cpu postgres": 0.001, "wal": 100.0}, 80.0, 6)
KNOWN = Constants({}, COSTS, {}, dict.fromkeys(DEFAULT.pods, IDLE), {}, {})


def _a_second(**works: float) -> Load:
    """So many a second in the busiest hour, whose peak is the average."""
    return Load("made up", {work.replace("_", " "): count * DAY for work, count in works.items()}, peak=1.0)


def test_costs_add_up_and_none_is_less_than_nothing() -> None:
    assert total([(2, {"wal": 3.0}), (1, {"wal": 1.0, "lake": 5.0})]) == {"wal": 7.0, "lake": 5.0}
    assert less({"wal": 3.0, "lake": 1.0}, {"wal": 1.0, "lake": 2.0}) == {"wal": 2.0, "lake": 0.0}


def test_two_sizes_tell_what_a_row_costs_and_what_costs_whatever_the_size() -> None:
    fixed, row = between((1_000, {"wal": 7_000.0}), (3_000, {"wal": 11_000.0}))
    assert row == {"wal": 2.0}
    assert fixed == {"wal": 5_000.0}


def test_a_row_lies_in_the_indexes_of_its_table_too() -> None:
    assert indexed({"disk runs": 10.0, "rows runs": 2.0}, {"runs": 5.0, "events": 7.0})["disk runs"] == 20.0


@pytest.mark.parametrize("servers", [1, 2, 5, 12])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_the_share_that_waits_is_erlangs(servers: int, share: float) -> None:
    offered = share * servers
    last = offered**servers / factorial(servers) / (1 - share)
    first = sum(offered**number / factorial(number) for number in range(servers))
    assert waiting_share(offered, servers) == pytest.approx(last / (first + last))


def test_one_server_that_is_half_busy_makes_wait_as_long_as_it_serves() -> None:
    assert mean_wait(0.5, 1, 2.0) == pytest.approx(2.0)


def test_too_much_waits_for_ever() -> None:
    assert waiting_share(3, 2) == 1.0
    assert mean_wait(2, 2, 1.0) == float("inf")


def test_pods_follow_from_cpu_where_that_is_more_than_the_slots_ask_for() -> None:
    found = need(KNOWN, _a_second(light_run=3_000))
    assert found.cores["api-gateway"] == pytest.approx(3.0)
    assert found.pods["api-gateway"] == 5, "3 cores, each busy for 0.6 of its time"


def test_pods_follow_from_slots_where_runs_take_long() -> None:
    found = need(KNOWN, _a_second(extraction=10))
    assert found.cores["extract-worker"] == pytest.approx(3.0)
    assert found.pods["extract-worker"] == 5, "20 slots are taken, and 8 of a pod may be for 0.6 of the time"
    assert 0 < found.slot_waits["extract-worker"] < 0.1


def test_whoever_must_not_be_missing_is_there_without_any_load() -> None:
    found = need(KNOWN, _a_second())
    assert found.pods == {name: pod.least for name, pod in DEFAULT.pods.items()}
    assert found.connections == 6 * sum(found.pods.values())
    assert found.cores["postgres"] == pytest.approx(0.001 * sum(found.pods.values()))


def test_runs_stay_and_logs_and_events_pass() -> None:
    found = need(KNOWN, _a_second(light_run=1))
    assert found.runs_gb == pytest.approx(DAY * 1_000 / 1e9)
    assert found.passing_gb == pytest.approx(DAY * (30 * 100 + 7 * 200) / 1e9)
    assert found.disk_gb(10) == pytest.approx(10 * found.runs_gb + found.passing_gb)


def test_the_busiest_hour_is_asked_for_and_the_day_is_stored() -> None:
    flat, peaked = _a_second(light_run=100), replace(_a_second(light_run=100), peak=3.0)
    assert need(KNOWN, peaked).events == pytest.approx(need(KNOWN, flat).events * 3)
    assert need(KNOWN, peaked).cores["api-gateway"] == pytest.approx(3 * need(KNOWN, flat).cores["api-gateway"])
    assert need(KNOWN, peaked).runs_gb == need(KNOWN, flat).runs_gb


def test_ten_times_the_load_is_ten_times_of_everything_but_what_idles() -> None:
    load = replace(_a_second(light_run=5), followers=7)
    assert load.times(10).followers == 70
    assert need(KNOWN, load.times(10)).events == pytest.approx(10 * need(KNOWN, load).events)


def test_a_run_costs_between_alone_and_in_a_crowd() -> None:
    known = replace(KNOWN, alone={"light run": {"cpu postgres": 0.006}})
    assert priced(known, 0)["light run"]["cpu postgres"] == pytest.approx(0.006)
    assert priced(known, 1)["light run"]["cpu postgres"] == pytest.approx(0.002)
    assert priced(known, BUSY)["light run"]["cpu postgres"] == pytest.approx(0.0036)
    assert priced(known, BUSY)["extraction"] == COSTS["extraction"]


def test_each_run_is_cleaned_up_after() -> None:
    known = replace(KNOWN, works={**COSTS, "cleaning": {"cpu postgres": 0.001}})
    more = need(known, _a_second(light_run=100)).cores["postgres"]
    assert more == pytest.approx(need(KNOWN, _a_second(light_run=100)).cores["postgres"] + 0.1)


def test_what_is_fullest_breaks_first() -> None:
    few, many = need(KNOWN, _a_second(light_run=1)), need(KNOWN, _a_second(light_run=100_000))
    assert bounds(few)[0].share < 1
    assert bounds(many)[0].share > 1
    shares = [bound.share for bound in bounds(many)]
    assert shares == sorted(shares, reverse=True)
