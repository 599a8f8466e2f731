/* libfdt includes <stdlib.h> and, in the files that are built here, uses nothing of it. */
#include <stddef.h>
