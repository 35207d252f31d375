# Each replays its corpus, the .hex file of its name, in make check; make fuzz
# runs them under libFuzzer.
fuzz_tests = \
	tests/fuzz/fuzz-migration-channels \
	tests/fuzz/fuzz-tls-handshake \
	tests/fuzz/fuzz-tls-record \
	tests/fuzz/fuzz-tls-session \
	tests/fuzz/fuzz-websocket-frames \
	tests/fuzz/fuzz-websocket-handshake

tests_fuzz_fuzz_migration_channels_SOURCES = \
	tests/fuzz/fuzz-migration-channels.c tests/fuzz/fuzz-main.c
tests_fuzz_fuzz_tls_handshake_SOURCES = \
	tests/fuzz/fuzz-tls-handshake.c tests/fuzz/fuzz-tls.h tests/fuzz/fuzz-main.c
tests_fuzz_fuzz_tls_record_SOURCES = \
	tests/fuzz/fuzz-tls-record.c tests/fuzz/fuzz-main.c
tests_fuzz_fuzz_tls_session_SOURCES = \
	tests/fuzz/fuzz-tls-session.c tests/fuzz/fuzz-tls.h tests/fuzz/fuzz-main.c
tests_fuzz_fuzz_websocket_frames_SOURCES = \
	tests/fuzz/fuzz-websocket-frames.c tests/fuzz/fuzz-main.c
tests_fuzz_fuzz_websocket_handshake_SOURCES = \
	tests/fuzz/fuzz-websocket-handshake.c tests/fuzz/fuzz-main.c
