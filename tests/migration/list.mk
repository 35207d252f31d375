migration_tests = \
	tests/migration/test-follow \
	tests/migration/test-json-scan \
	tests/migration/test-rate \
	tests/migration/test-stream

# A channel that plays what the tests tell it.
tests_migration_test_stream_SOURCES = \
	tests/migration/test-stream.c \
	tests/migration/tape.c \
	tests/migration/tape.h
