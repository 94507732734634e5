"""An agent answers a question once; the automation that its run becomes does so without a model."""
