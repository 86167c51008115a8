"""Everything Dagster: one module per noun, each a thin shell around `nightly.Night`.

Nothing here knows how a night is done, and nothing outside this package (but the commands) knows Dagster.
`build.build_definitions` puts it together; importing any of it reads no file, no environment and no network.
"""
