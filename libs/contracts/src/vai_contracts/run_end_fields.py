"""The fields of a `RunEnd` by what they hold, so that a field of the message is named in `proto/` alone.

Each is a column of the run: times, counts, and JSON texts (the field of `result` is `result_json`).
"""

from google.protobuf.timestamp_pb2 import Timestamp

from vai_contracts.vai.executor.v1.executor_pb2 import RunEnd

_JSON = "_json"
_FIELDS = RunEnd.DESCRIPTOR.fields

TIMES = tuple(one.name for one in _FIELDS if one.message_type is Timestamp.DESCRIPTOR)
JSON_FIELDS = {one.name.removesuffix(_JSON): one.name for one in _FIELDS if one.name.endswith(_JSON)}
COUNTS = tuple(one.name for one in _FIELDS if one.name not in (*TIMES, *JSON_FIELDS.values()))
