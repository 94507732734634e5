"""Language models of an organisation: which it may use, by which connection and at which price, and its use of
today.
"""
