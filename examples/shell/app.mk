# What `run` can start.
PROGRAMS := hello wordcount
