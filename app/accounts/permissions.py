"""Who may do what: the one matrix of roles and permissions.

Every route names its permission (`opt=needs(...)`) or says that it is open to all (`opt=PUBLIC`);
`create_app` refuses to start with a route that says neither.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What a user is. Analysts read and start work and administer nothing."""

    ADMIN = "ADMIN"
    OPERATOR = "OPERATOR"
    ANALYST = "ANALYST"
    VIEWER = "VIEWER"


class Permission(StrEnum):
    """What can be done."""

    JOBS_READ = "jobs:read"
    JOBS_SUBMIT = "jobs:submit"
    JOBS_MANAGE_OWN = (
        "jobs:manage-own"  # cancel, retry, hold and re-prioritise what one has submitted oneself
    )
    JOBS_MANAGE_ANY = "jobs:manage-any"  # the same with anybody's
    QUEUES_MANAGE = "queues:manage"  # pause and limit
    SCHEDULES_MANAGE = "schedules:manage"
    PROFILES_MANAGE = "profiles:manage"
    CONNECTIONS_USE = "connections:use"  # see connections, look into their tables
    CONNECTIONS_MANAGE = "connections:manage"
    DASHBOARD_READ = "dashboard:read"
    ACCOUNT_READ_OWN = "account:read-own"
    ACCOUNT_CHANGE_OWN = "account:change-own"  # password, log-out, own keys
    USERS_MANAGE = "users:manage"
    KEYS_MANAGE_ANY = "keys:manage-any"  # see and revoke anybody's keys
    SIGNING_KEYS_MANAGE = "signing-keys:manage"
    AUDIT_READ = "audit:read"


_READ = frozenset(
    {
        Permission.JOBS_READ,
        Permission.DASHBOARD_READ,
        Permission.ACCOUNT_READ_OWN,
        Permission.ACCOUNT_CHANGE_OWN,
    }
)
_WORK = _READ | {
    Permission.JOBS_SUBMIT,
    Permission.JOBS_MANAGE_OWN,
    Permission.PROFILES_MANAGE,
    Permission.CONNECTIONS_USE,
}

MATRIX: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _READ,
    Role.ANALYST: _WORK,
    Role.OPERATOR: _WORK
    | {Permission.JOBS_MANAGE_ANY, Permission.QUEUES_MANAGE, Permission.SCHEDULES_MANAGE},
    Role.ADMIN: frozenset(Permission),
}

# What a key of a service never may, whatever its user may: a stolen key must not make itself at home.
NEVER_BY_KEY = frozenset(
    {
        Permission.ACCOUNT_CHANGE_OWN,
        Permission.USERS_MANAGE,
        Permission.KEYS_MANAGE_ANY,
        Permission.SIGNING_KEYS_MANAGE,
        Permission.CONNECTIONS_MANAGE,
    }
)

PUBLIC: dict[str, Any] = {"public": True}


def needs(permission: Permission) -> dict[str, Any]:
    """Route option: only callers with this permission get in."""
    return {"permission": permission}


def allowed(role: Role, permission: Permission) -> bool:
    """The matrix, asked."""
    return permission in MATRIX[role]
