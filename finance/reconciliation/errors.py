"""Why a decision cannot be made; the message is for the person who tried."""


class DecisionError(Exception):
    """The base of them."""


class AlreadyDecided(DecisionError):
    """Somebody was first."""


class Stale(DecisionError):
    """The bank line or an open item is no longer what the suggestion was made from."""


class NotChosen(DecisionError):
    """No candidate was named, and none may be taken without."""


class NotPosted(DecisionError):
    """The decision was not written to the ERP."""
