"""The lane of tests that runs on Windows, or under Wine."""
