"""The pages of this app join the console."""

from finance.pages import ageing, items, overview, statements

__all__ = ["ageing", "items", "overview", "statements"]
