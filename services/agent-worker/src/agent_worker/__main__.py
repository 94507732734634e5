"""Starts the agent-worker."""

from common.boot import serve

from agent_worker.handlers import running
from agent_worker.settings import Settings

if __name__ == "__main__":
    serve("agent-worker", Settings, running)
