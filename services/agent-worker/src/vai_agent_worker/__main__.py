"""Starts the agent-worker."""

from vai_agent_worker.settings import Settings
from vai_agent_worker.wiring import running
from vai_common.boot import serve

if __name__ == "__main__":
    serve("agent-worker", Settings, running)
