"""What a message says about itself: its topic, whose id its key is, how long it is kept, and who may publish it.

Read from the option that each message carries in proto/, so that `publish(event)` needs no topic, and nobody a second
table.
"""

from datetime import timedelta

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from vai_contracts.vai.bell.v1 import bell_pb2
from vai_contracts.vai.events.v1 import events_pb2
from vai_contracts.vai.options.v1 import options_pb2


def _publication(message: type[Message] | Message) -> options_pb2.Publication:
    publication = message.DESCRIPTOR.GetOptions().Extensions[options_pb2.published]
    if not publication.topic:
        raise LookupError(f"{message.DESCRIPTOR.full_name} is no event: it has no option vai.options.v1.published")
    return publication


def topic_of(message: type[Message] | Message) -> str:
    """The topic of an event (or of its class), which is the event's type: `action.completed`.

    Raises LookupError for a message that is not published.
    """
    return _publication(message).topic


def owner_of(message: type[Message] | Message) -> tuple[str, ...]:
    """The roles that may publish an event: services by name, the three workers as `worker`."""
    return tuple(
        options_pb2.Role.Name(role).removeprefix("ROLE_").lower().replace("_", "-")
        for role in _publication(message).owners
    )


def subject_of(message: type[Message] | Message) -> str:
    """Whose id the record's key is: `run`, `connection`; empty for a message without a key."""
    return _publication(message).subject


def retention_of(topic: str) -> timedelta:
    """How long a topic keeps a record. Raises LookupError for a topic that is not ours."""
    bell = topic.startswith(f"{topic_of(bell_pb2.RunReady)}.")
    message = bell_pb2.RunReady if bell else EVENTS.get(topic)
    if message is None:
        raise LookupError(f"{topic} is not a topic of the contracts")
    return timedelta(hours=_publication(message).retention_hours)


def bell_topic(kind: str) -> str:
    """Where runs of one kind are rung: `run.ready.dlt_extract`."""
    return f"{topic_of(bell_pb2.RunReady)}.{kind}"


EVENTS: dict[str, type[Message]] = {
    topic_of(event): event
    for event in map(GetMessageClass, events_pb2.DESCRIPTOR.message_types_by_name.values())
    if event.DESCRIPTOR.GetOptions().HasExtension(options_pb2.published)
}
"""Every public event by its type: `action.completed` → ActionCompleted."""
