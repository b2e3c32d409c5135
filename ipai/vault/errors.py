"""What can go wrong with a secret; every message names the secret, never its value."""


class VaultError(Exception):
    """The base; the message may be shown to people."""


class SecretMissing(VaultError):
    """A secret that something refers to is not in the vault."""


class SecretUnreadable(VaultError):
    """None of the keys in IPAI_VAULT_KEYS opens the secret, or what is stored was moved from another secret."""


class SecretInvalid(VaultError):
    """The name or the value is not acceptable."""
