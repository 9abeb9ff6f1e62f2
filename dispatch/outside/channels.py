"""The configured channels as they are used: adapters by name, and who the targets behind `robot:` and `webhook:` are."""

from __future__ import annotations

from collections.abc import Mapping

from dispatch.outside.mail import MailChannel
from dispatch.outside.messages import Channel
from dispatch.outside.posting import Poster
from dispatch.outside.settings import OutsideSettings
from dispatch.outside.sms import SmsChannel
from dispatch.outside.webhook import WebhookChannel
from dispatch.outside.wecom import RobotChannel, WecomChannel

__all__ = ["open_channels"]


def open_channels(settings: OutsideSettings) -> tuple[Poster, Mapping[str, Channel]]:
    """Return the HTTP client (to be closed at the end) and the adapter of each configured channel."""
    poster = Poster(settings.networks)
    channels: dict[str, Channel] = {}
    if settings.email is not None:
        channels["email"] = MailChannel(settings.email)
    if settings.sms is not None:
        channels["sms"] = SmsChannel(settings.sms, poster)
    if settings.wecom is not None:
        channels["wecom"] = WecomChannel(settings.wecom, poster)
    for robot in settings.robots:
        channels[f"robot:{robot.name}"] = RobotChannel(robot, poster)
    for hook in settings.webhooks:
        channels[f"webhook:{hook.name}"] = WebhookChannel(hook, poster)
    return poster, channels
