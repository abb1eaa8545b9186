"""The way to the database as the driver wants it: TLS, wallet, tnsnames.ora.

`tcps://host:port/service` is TLS by itself; the server's certificate is checked against the system's
authorities, or against those in the wallet, and its name against the host (python-oracledb, "Securely
encrypting network traffic"). The thin driver reads `ewallet.pem`, not `cwallet.sso`.
"""

from __future__ import annotations

from typing import Any

from app.settings import Settings


def security(settings: Settings) -> dict[str, Any]:
    """Arguments of every `connect` and pool beside user, password and dsn; only those that are set."""
    arguments = {
        "config_dir": settings.db_config_dir,
        "wallet_location": settings.db_wallet_dir,
        "wallet_password": settings.db_wallet_password,
        "ssl_server_cert_dn": settings.db_server_dn,
    }
    return {name: value for name, value in arguments.items() if value}
