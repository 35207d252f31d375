migration_tests = \
	tests/migration/test-follow \
	tests/migration/test-json-scan \
	tests/migration/test-rate
