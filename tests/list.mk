qiotest_sources = tests/qiotest.c tests/qiotest.h
script_tests =
