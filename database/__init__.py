"""Models, engines, migrations and roles of the primary Postgres; imports runtime."""
