migration_sources =
