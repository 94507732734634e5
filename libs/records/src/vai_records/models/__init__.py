"""Language models: which an organisation may use, at which connection, at which price, and what it has used today."""
