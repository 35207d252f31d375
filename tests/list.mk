qiotest_sources = tests/qiotest.c tests/qiotest.h

# Run by make check: the rules of the house.
script_tests = \
	tests/rules/banned \
	tests/rules/calls \
	tests/rules/docs \
	tests/rules/headers \
	tests/rules/includes \
	tests/rules/marks

test_scripts = \
	tests/run \
	tests/packages.sh \
	tests/long
