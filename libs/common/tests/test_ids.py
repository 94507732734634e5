import uuid

from vai_common.clock import now
from vai_common.ids import uuid7


def test_ids_sort_as_they_were_made() -> None:
    made = [uuid7() for _ in range(10_000)]
    assert sorted(made) == made
    assert len(set(made)) == len(made)


def test_an_id_is_a_uuid_of_version_7_that_says_when() -> None:
    made = uuid7()
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert abs((made.int >> 80) - now().timestamp() * 1_000) < 60_000
