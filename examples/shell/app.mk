# What `run` can start.
PROGRAMS := crash hello services wordcount
