"""The costs of single works (measured on a stack, `constants.json`), and the resources that a load needs
(`simulate`).
"""
