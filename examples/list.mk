# The tools and the programs that teach. All of them are outside customers:
# they see include/ and link the shared libraries.

example_programs =

example_scripts = \
	examples/mkpki \
	examples/quickstart
