"""The contracts of every event: types, envelope, versions and upcasters, in plain Python."""
