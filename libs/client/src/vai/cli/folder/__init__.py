"""Variables, secrets, connections, actions, automations and agents as files of a folder, to be kept in git."""
