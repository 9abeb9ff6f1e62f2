"""Notices on their way out of the platform: by e-mail, SMS, WeCom and webhooks. At least once, always under the same id.

What stands in the inboxes (`dispatch.relay`) is the whole story; this package carries it further to whoever asked for it. Nothing
here runs, and the database is asked nothing, while no channel is configured (`dispatch.outside.settings`).
"""
