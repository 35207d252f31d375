migration_tests = \
	tests/migration/test-channels \
	tests/migration/test-channels-contract \
	tests/migration/test-channels-dead \
	tests/migration/test-channels-file \
	tests/migration/test-channels-thread \
	tests/migration/test-channels-wire \
	tests/migration/test-connect \
	tests/migration/test-connect-async \
	tests/migration/test-follow \
	tests/migration/test-json-scan \
	tests/migration/test-nomem \
	tests/migration/test-rate \
	tests/migration/test-stream \
	tests/migration/test-stream-output \
	tests/migration/test-stream-threads

# A channel that plays what the tests tell it.
migration_tape = tests/migration/tape.c tests/migration/tape.h
tests_migration_test_stream_SOURCES = \
	tests/migration/test-stream.c $(migration_tape)
tests_migration_test_stream_output_SOURCES = \
	tests/migration/test-stream-output.c $(migration_tape)

tests_migration_test_nomem_LDADD = $(FAILMALLOC) $(LDADD)
tests_migration_test_connect_async_SOURCES = tests/migration/test-connect-async.c tests/loop/waiter.h

migration_manypair = tests/migration/manypair.c tests/migration/manypair.h
tests_migration_test_channels_SOURCES = \
	tests/migration/test-channels.c $(migration_manypair)
tests_migration_test_channels_contract_SOURCES = \
	tests/migration/test-channels-contract.c $(migration_manypair)
tests_migration_test_channels_dead_SOURCES = \
	tests/migration/test-channels-dead.c $(migration_manypair)
tests_migration_test_channels_file_SOURCES = \
	tests/migration/test-channels-file.c $(migration_manypair)
tests_migration_test_channels_thread_SOURCES = \
	tests/migration/test-channels-thread.c $(migration_manypair)
