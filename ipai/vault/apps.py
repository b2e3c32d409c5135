from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "ipai.vault"
    label = "vault"
    verbose_name = "Secrets"
