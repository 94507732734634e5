"""The loop of an agent: what its model may do, what it is told, and when it ends. The kind is `call_agent.py`."""
