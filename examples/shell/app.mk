# What `run` can start.
PROGRAMS := crash hello wordcount
