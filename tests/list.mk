qiotest_sources = \
	tests/bufpair.c tests/bufpair.h \
	tests/contract-cork.c \
	tests/contract-data.c \
	tests/contract-end.c \
	tests/contract-fds.c \
	tests/contract-loop.c \
	tests/contract-priv.h \
	tests/contract-wait.c \
	tests/contract.c tests/contract.h \
	tests/innerseal.h \
	tests/listening.c tests/listening.h \
	tests/matrix.c tests/matrix.h \
	tests/pairs.c tests/pairs.h \
	tests/qiotest.c tests/qiotest.h \
	tests/stacks.c tests/stacks.h \
	tests/tlscert.c tests/tlscert.h \
	tests/tlsdir.c tests/tlsdir.h \
	tests/tlsocsp.c \
	tests/tlspair.c tests/tlspair.h \
	tests/trickle.c tests/trickle.h \
	tests/wspair.c tests/wspair.h \
	tests/wsraw.c tests/wsraw.h

failmalloc_sources = tests/failmalloc.c tests/failmalloc.h

# Run by make check: the rules of the house.
script_tests = \
	tests/examples \
	tests/rules/banned \
	tests/rules/calls \
	tests/rules/docs \
	tests/rules/headers \
	tests/rules/includes \
	tests/rules/lists \
	tests/rules/marks \
	tests/rules/symbols \
	tests/scale

test_scripts = \
	tests/run \
	tests/packages.sh \
	tests/valgrind.supp \
	tests/bench/bench-machine \
	tests/bench/bench-relay \
	tests/bench/bench-tunnel \
	tests/distributed \
	tests/examples \
	tests/long \
	tests/scale
