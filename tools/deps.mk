# What the build needs from the machine. `deps` installs what is missing, or names it.
.PHONY: deps
deps:
