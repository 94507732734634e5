"""The formats of the channels: a webhook's JSON, what Slack's and Teams' incoming webhooks take, an email.

Names and errors are whatever people and servers have written. They stand in fields that hold plain text: Slack's
`rich_text`, Teams' `TextRun`, an email's text/plain.
"""

from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from vai_scheduler.alerts.words import Line, Message

Json = dict[str, Any]

_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def body_for(kind: str, message: Message) -> bytes:
    """What is posted to a channel's address: `webhook`, `slack` or `teams`."""
    return orjson.dumps(_FORMATS[kind](message))


def _webhook(message: Message) -> Json:
    return message.body


def _slack(message: Message) -> Json:
    """`text` is what a phone shows, with Slack's escapes; the blocks are what the channel shows."""
    elements: list[Json] = [_slack_section([{"type": "text", "text": message.title, "style": {"bold": True}}])]
    for line in message.lines:
        head: Json = {"type": "text", "text": line.head}
        if line.url:
            head = {"type": "link", "url": line.url, "text": line.head}
        elements.append(_slack_section([head, *([{"type": "text", "text": f"\n{line.text}"}] if line.text else [])]))
    elements.append(_slack_section([{"type": "text", "text": message.more}]))
    return {
        "text": message.title.translate(_ESCAPES),
        "unfurl_links": False,
        "blocks": [{"type": "rich_text", "elements": elements}],
    }


def _slack_section(elements: list[Json]) -> Json:
    elements[-1] = {**elements[-1], "text": elements[-1]["text"] + "\n"}
    return {"type": "rich_text_section", "elements": elements}


def _teams(message: Message) -> Json:
    """An adaptive card, which both the workflows of Teams and its older connectors take."""
    title: Json = {"type": "TextRun", "text": message.title, "weight": "Bolder", "size": "Medium"}
    blocks = [_teams_block([title]), *map(_teams_line, message.lines)]
    blocks.append(_teams_block([{"type": "TextRun", "text": message.more, "isSubtle": True}]))
    card: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    if message.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the console", "url": message.url}]
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _teams_line(line: Line) -> Json:
    head: Json = {"type": "TextRun", "text": line.head}
    if line.url:
        head["selectAction"] = {"type": "Action.OpenUrl", "url": line.url}
    return _teams_block(
        [head, *([{"type": "TextRun", "text": f" {line.text}", "isSubtle": True}] if line.text else [])]
    )


def _teams_block(inlines: list[Json]) -> Json:
    return {"type": "RichTextBlock", "inlines": inlines}


_FORMATS: Final = {"webhook": _webhook, "slack": _slack, "teams": _teams}


def email_for(message: Message, sender: str, recipients: list[str]) -> EmailMessage:
    """Plain text. Its Message-ID is the alert's, so that a repeat is known as one."""
    mail = EmailMessage()
    mail["Subject"] = message.title
    mail["From"] = _address(sender, "VAI")
    mail["To"] = [_address(recipient) for recipient in recipients]
    mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    texts = ["\n".join(filter(None, (line.head, line.text, line.url))) for line in message.lines]
    mail.set_content("\n\n".join([message.title, *texts, message.more, *filter(None, [message.url])]))
    return mail


def _address(email: str, name: str = "") -> Address:
    """Some providers gave out names with dots that need quotes: `"a..b"@example.com`."""
    user, _, host = email.rpartition("@")
    return Address(name, username=user, domain=host)


def host_of(url: str) -> str:
    """The part of a channel's address that is no secret."""
    return urlsplit(url).hostname or ""
