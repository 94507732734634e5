"""The Python client and the vai command line."""

from .async_client import AsyncClient
from .automation_models import (
    ActionRun,
    Automation,
    AutomationError,
    AutomationRun,
    LatestAutomationRun,
    Step,
    StepOfRun,
)
from .call import Page
from .client import Client
from .errors import (
    ApiError,
    Conflict,
    Detail,
    Forbidden,
    Invalid,
    NotFound,
    ServerFault,
    ServerUnreachable,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    VaiError,
)
from .models import Action, Connection, ConnectionTest, LatestRun, LogEntry, Run, RunError, User, global_percent
from .sending import Retries

__all__ = [
    "Action",
    "ActionRun",
    "ApiError",
    "AsyncClient",
    "Automation",
    "AutomationError",
    "AutomationRun",
    "Client",
    "Conflict",
    "Connection",
    "ConnectionTest",
    "Detail",
    "Forbidden",
    "Invalid",
    "LatestAutomationRun",
    "LatestRun",
    "LogEntry",
    "NotFound",
    "Page",
    "Retries",
    "Run",
    "RunError",
    "ServerFault",
    "ServerUnreachable",
    "Step",
    "StepOfRun",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "User",
    "VaiError",
    "global_percent",
]
