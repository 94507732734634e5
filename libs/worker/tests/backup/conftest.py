from vai_testkit.installation import installation  # noqa: F401
