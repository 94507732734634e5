"""Starts the agent-worker."""

from agent_worker.handlers import running
from agent_worker.settings import Settings
from common.boot import serve

if __name__ == "__main__":
    serve("agent-worker", Settings, running)
