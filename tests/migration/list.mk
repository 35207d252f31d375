migration_tests =
