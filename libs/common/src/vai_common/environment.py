"""Finds names in the environment that begin with VAI_ and are no setting: a misspelled one would be ignored silently.

A service may get the settings of all others, too (`make up` gives them to all seven), so it knows every name. A test
compares the list with the settings of all services.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "VAI_"

_NAMES: Final = """
    ADMIN_TOKEN ALLOWED_ORIGINS ALLOW_PRIVATE_ADDRESSES API_KEY API_URL AUDIT_DAYS BELL BROWSER CACHE CALLS_PER_SECOND
    CHILD_MEMORY_MB CONSOLE COOKIE_SECURE DATABASE_DIRECT_URL DATABASE_URL ENCRYPTION_KEYS FILES_PUSH FILES_ROOT FUZZ
    GRPC_HOST GRPC_PORT GUIDE HOME HTTP_BODY_SECONDS HTTP_CONNECTIONS HTTP_CONNECTIONS_PER_ADDRESS HTTP_HEAD_SECONDS
    HTTP_HOST HTTP_KEEP_ALIVE_SECONDS HTTP_PORT KAFKA KAFKA_CA_FILE KAFKA_CERT_FILE KAFKA_KEY_FILE KAFKA_KEY_PASSWORD
    KAFKA_METRICS KAFKA_PASSWORD KAFKA_SASL_MECHANISM KAFKA_SECURITY_PROTOCOL KAFKA_USER KEPT_PERCENT KINDS LAKE_URL
    LISTS_POOL_SIZE LOG_LEVEL MCP METRICS_ORGANISATIONS METRICS_PORT MOST_FROM_ONE_CAUSE MOST_TRANSFORM_SECONDS
    OIDC_AUDIENCE OIDC_ISSUER OIDC_JWKS OIDC_ORGANISATION OIDC_ORGANISATION_CLAIM OIDC_PRIVATE OIDC_SESSION_HOURS
    OIDC_TRUST_EMAILS OPENLINEAGE_API_KEY OPENLINEAGE_NAMESPACE OPENLINEAGE_TOPIC OPENLINEAGE_URL OPERATOR_SETTINGS
    OTLP_ENDPOINT OUTPUT_MB POOL_SIZE PORT_BASE PROFILE PROXIES PUBLIC_URL SLOTS SPARK_TOKEN SPARK_URL SPILL_MB
    STOP_SECONDS STREAM_SECONDS TOKEN_HOURS TOKEN_SECRET TOPIC_REPLICATION TRACE_SAMPLE TRANSFORM_SECONDS
    UPKEEP_SECONDS WEBHOOK_BYTES WRONG_KEYS_PER_MINUTE
"""
NAMES: Final = frozenset(f"{PREFIX}{name}" for name in _NAMES.split())
"""Settings of services, of the stack, of the command line and of tests."""

_OF_TOOLS: Final = ("VAI_TEST_", "VAI_BENCH_")


def unknown(environment: Iterable[str]) -> dict[str, str | None]:
    """The names that no service reads, each with the name that was probably meant."""
    given = {name.upper() for name in environment}
    strange = sorted(name for name in given - NAMES if name.startswith(PREFIX) and not name.startswith(_OF_TOOLS))
    return {name: next(iter(get_close_matches(name, NAMES, 1, 0.75)), None) for name in strange}
