# The tools and the programs that teach.
