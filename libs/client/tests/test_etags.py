"""A change that is made only if nobody has changed the thing since says so to the platform."""

from datetime import UTC, datetime

import pytest

from vai.calls import actions, automations
from vai.models import answers as models
from vai_api_gateway.http.etags import etag_of


@pytest.mark.parametrize("microsecond", [0, 1, 123_456, 999_999])
def test_the_client_reckons_a_tag_as_the_gateway_does(microsecond: int) -> None:
    time = datetime(2026, 11, 22, 1, 2, 3, microsecond, UTC)
    assert models.etag_of(time) == etag_of(time)


def test_a_change_names_the_tag_only_where_it_is_given() -> None:
    assert actions.update("a", name="n", if_match='"1"').headers == {"If-Match": '"1"'}
    assert automations.update("a", {}, if_match='"1"').headers == {"If-Match": '"1"'}
    assert actions.update("a", name="n").headers == automations.update("a", {}).headers == {}
