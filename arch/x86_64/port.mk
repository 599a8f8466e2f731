# set by the port
