"""The pages of this app join the console."""

from finance.pages import ageing, inbox, items, overview, statements

__all__ = ["ageing", "inbox", "items", "overview", "statements"]
